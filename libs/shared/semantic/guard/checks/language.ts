/** The language that a text is written in, as far as its script and its commonest words tell. Pure. */
import type { Reading } from "../reading.ts";

const COMMON: Readonly<Record<string, ReadonlySet<string>>> = {
  en: new Set(
    "the of and to is what how do does my can i you in for a an why where when are which it on with should your are who was were has have".split(
      " ",
    ),
  ),
  fr: new Set(
    "le la les un une des est que quel quelle quels quelles comment pourquoi où je mon ma mes du et pour dans puis ce cette avec sur au vous tu il elle nous ne pas est-ce suis paie".split(
      " ",
    ),
  ),
  de: new Set(
    "der die das ein eine ist wie was warum wo wann ich mein meine und mit für im den dem kann welche welcher zu auf nicht finde du sie er wir bist sind hast haben heißt".split(
      " ",
    ),
  ),
  es: new Set(
    "el la los las un una es qué que cómo como por dónde donde cuándo mi mis y para en puedo cuál cual del se está con tu usted eres son tiene hay".split(
      " ",
    ),
  ),
  it: new Set(
    "il lo la gli le un una è che come perché dove quando mio mia e per di posso quale del della quanto ho si con".split(
      " ",
    ),
  ),
  pt: new Set(
    "o os as um uma é que como porque onde quando meu minha e para em posso qual do da não se com a".split(" "),
  ),
  nl: new Set("de het een is wat hoe waarom waar wanneer ik mijn en met voor kan welke van op niet in".split(" ")),
};
const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ["han", /\p{sc=Han}|\p{sc=Hiragana}|\p{sc=Katakana}/u],
  ["hangul", /\p{sc=Hangul}/u],
  ["cyrillic", /\p{sc=Cyrillic}/u],
  ["arabic", /\p{sc=Arabic}/u],
  ["hebrew", /\p{sc=Hebrew}/u],
  ["devanagari", /\p{sc=Devanagari}/u],
  ["greek", /\p{sc=Greek}/u],
  ["thai", /\p{sc=Thai}/u],
  ["latin", /\p{sc=Latin}/u],
];

const ASCII = /^[ -~]+$/;
const LETTER = /[a-z]/;

/** Undefined where it cannot be told. */
function languageOf({ words }: Reading): string | undefined {
  const scripts = new Map<string, number>();
  for (const { lower } of words) {
    const script = ASCII.test(lower)
      ? LETTER.test(lower)
        ? "latin"
        : undefined
      : SCRIPTS.find(([, pattern]) => pattern.test(lower))?.[0];
    if (script !== undefined) scripts.set(script, (scripts.get(script) ?? 0) + 1);
  }
  const script = [...scripts].sort((left, right) => right[1] - left[1])[0]?.[0];
  if (script !== "latin") return script;
  const scores = Object.entries(COMMON)
    .map(([name, common]) => [name, count(words, common)] as const)
    .sort((left, right) => right[1] - left[1]);
  const [best, second] = scores;
  return best === undefined || best[1] === 0 || best[1] === second?.[1] ? undefined : best[0];
}

export function languageDiffers(left: Reading, right: Reading): boolean {
  const here = languageOf(left);
  const there = languageOf(right);
  return here !== undefined && there !== undefined && here !== there;
}

function count(words: Reading["words"], common: ReadonlySet<string>): number {
  let found = 0;
  for (const { lower } of words) if (common.has(lower)) found += 1;
  return found;
}
