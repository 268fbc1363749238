/** What the checks look at in a text: its words, each with what it stands for. Pure, in linear time. */
import { quantityAt } from "./quantities.ts";
import { stem } from "./stem.ts";
import { POLITENESS } from "./tables/frame-words.ts";
import { type Token, tokensOf } from "./tokens.ts";
import { concepts, frameWords, functionWords, gazetteer, type Pole, phrases, poles } from "./vocabulary.ts";

export type WordKind = "content" | "frame" | "function" | "number" | "unit" | "time" | "calendar" | "sign";

export type Word = {
  readonly lower: string;
  readonly stem: string;
  /** What it stands for: the same for words that mean the same. */
  readonly key: string;
  readonly kind: WordKind;
  readonly poles: readonly Pole[];
  /** It names something: a place, a product, a person, an identifier, a quotation. */
  readonly name: boolean;
  /** Of those, what nothing but itself stands for. */
  readonly exact: boolean;
};

export type Reading = {
  readonly text: string;
  readonly words: readonly Word[];
  readonly code: readonly string[];
  /** Every word's `lower`, `stem` and `key`. */
  readonly known: ReadonlySet<string>;
};

export function read(text: string): Reading {
  const { tokens: all, code } = tokensOf(text);
  const tokens = all.slice(politeness(all));
  const stems = tokens.map(({ lower }) => stem(lower));
  const shouted = isShouted(tokens);
  const words: Word[] = [];
  for (let at = 0; at < tokens.length; ) {
    const [word, length] = wordAt(tokens, stems, at, shouted);
    words.push(word);
    at += length;
  }
  const known = new Set<string>();
  for (const { lower, stem, key } of words) known.add(lower).add(stem).add(key);
  return { text, words: withParticles(words), code, known };
}

const POLITE = POLITENESS.map((phrase) => phrase.split(" "));

/** Tokens at the beginning that ask for an answer and say nothing of it. */
function politeness(tokens: readonly Token[]): number {
  const found = POLITE.find((phrase) => phrase.every((word, at) => tokens[at]?.lower === word));
  return found === undefined || found.length === tokens.length ? 0 : found.length;
}

/** Capitals tell nothing where most words have them. */
function isShouted(tokens: readonly Token[]): boolean {
  const later = tokens.filter(({ first, raw }) => !first && /^\p{L}/u.test(raw));
  return later.length > 2 && later.filter(({ raw }) => /^\p{Lu}/u.test(raw)).length > later.length * 0.6;
}

const NO_POLES: readonly Pole[] = [];

function wordAt(
  tokens: readonly Token[],
  stems: readonly string[],
  at: number,
  shouted: boolean,
): readonly [Word, number] {
  const token = tokens[at] as Token;
  const quantity = quantityAt(tokens, at);
  if (quantity !== undefined) {
    const { kind, value, length } = quantity;
    const own = poles.get(token.lower) ?? NO_POLES;
    return [{ lower: token.lower, stem: value, key: value, kind, poles: own, name: false, exact: false }, length];
  }
  const phrase = phraseAt(stems, at);
  if (phrase !== undefined) {
    const [key, length] = phrase;
    const lower = tokens
      .slice(at, at + length)
      .map((one) => one.lower)
      .join("_");
    const known = concepts.get(key) ?? key;
    const own = poles.get(key) ?? poles.get(known) ?? NO_POLES;
    return [{ lower, stem: key, key: known, kind: "content", poles: own, name: false, exact: false }, length];
  }
  return [single(tokens, at, shouted), 1];
}

function phraseAt(stems: readonly string[], at: number): readonly [string, number] | undefined {
  const candidates = phrases.get(stems[at] ?? "");
  const found = candidates?.find((parts) => parts.every((part, index) => stems[at + index] === part));
  return found === undefined ? undefined : [found.join("_"), found.length];
}

const PRONOUNS = new Map([
  ["me", "i"],
  ["him", "he"],
  ["them", "they"],
]);
const SIGN = /^[-+*/<>=%^&|!~°.]+$/;

function single(tokens: readonly Token[], at: number, shouted: boolean): Word {
  const token = tokens[at] as Token;
  const { raw, lower } = token;
  if (SIGN.test(raw))
    return { lower, stem: lower, key: lower, kind: "sign", poles: NO_POLES, name: false, exact: false };
  const base = stem(lower);
  const exact = isExact(token, tokens[at - 1]) || (token.quoted && !functionWords.has(lower));
  const place = gazetteer.get(lower) ?? gazetteer.get(lower.endsWith("s") ? lower.slice(0, -1) : lower);
  const capital = !shouted && !token.first && /^\p{Lu}/u.test(raw) && raw !== "I";
  const said = (capital && raw.length > 1) || (raw === "A" && !token.first);
  const kind =
    exact || said || place !== undefined
      ? "content"
      : functionWords.has(lower)
        ? "function"
        : frameWords.has(base)
          ? "frame"
          : "content";
  const acronym = !shouted && /^\p{Lu}[\p{Lu}\d]+$/u.test(raw);
  return {
    lower,
    stem: base,
    key: place ?? PRONOUNS.get(lower) ?? concepts.get(base) ?? base,
    kind: acronym ? "content" : kind,
    poles: poles.get(lower) ?? poles.get(base) ?? NO_POLES,
    name: exact || place !== undefined || acronym || capital,
    exact,
  };
}

const PLAIN = /^[A-Za-z]+$/;

/** An identifier, a path, an address, a flag. */
function isExact({ raw, joined }: Token, before: Token | undefined): boolean {
  if (!PLAIN.test(raw) && /\p{L}/u.test(raw) && /[\d_@./:+#]/.test(raw)) return true;
  if (/\p{Ll}\p{Lu}/u.test(raw)) return true;
  return joined && before !== undefined && /^(?:--?|\/|\.{1,2}\/|~\/)$/.test(before.raw) && !before.joined;
}

const OPENERS = new Set("turn switch power put toggle".split(" "));
const DOORS = new Set("log sign".split(" "));
const LIFTS = new Set("go scale step roll turn move bring come round".split(" "));
const REACH = 4;

/** "turn the light on" is one verb with "enable", "log me out" one with "logout". */
function withParticles(words: readonly Word[]): readonly Word[] {
  return words.map((word, at) => {
    const verb = word.stem;
    if (!OPENERS.has(verb) && !DOORS.has(verb) && !LIFTS.has(verb)) return word;
    const particle = words
      .slice(at + 1, at + 1 + REACH)
      .find(({ lower }) => /^(?:on|off|in|out|up|down)$/.test(lower))?.lower;
    const key = meant(verb, particle);
    return key === undefined
      ? word
      : { ...word, key: concepts.get(key) ?? key, kind: "content", poles: poles.get(key) ?? NO_POLES };
  });
}

function meant(verb: string, particle: string | undefined): string | undefined {
  if (OPENERS.has(verb) && particle === "on") return "enabl";
  if (OPENERS.has(verb) && particle === "off") return "disabl";
  if (DOORS.has(verb) && (particle === "in" || particle === "on")) return "login";
  if (DOORS.has(verb) && (particle === "out" || particle === "off")) return "logout";
  if (LIFTS.has(verb) && particle === "up") return "increas";
  return LIFTS.has(verb) && particle === "down" ? "decreas" : undefined;
}
