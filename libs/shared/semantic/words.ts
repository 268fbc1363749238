/** A question as words: normalised, stemmed, with what kind of question it is. Pure. */

export type Words = {
  /** Normalised text: lower case, contractions spelled out, single spaces. */
  readonly text: string;
  /** In order; parts of `text`. */
  readonly words: readonly string[];
  /** Their stems, in order. */
  readonly stems: readonly string[];
  readonly stem_set: ReadonlySet<string>;
  /** Stems that are no function words. */
  readonly content: ReadonlySet<string>;
  /** Runs of digits, and words that hold one. */
  readonly numbers: ReadonlySet<string>;
  /** Words written with a capital that do not start a sentence, or all in capitals; in lower case. */
  readonly names: ReadonlySet<string>;
  /** How many words deny. */
  readonly negations: number;
  /** Position in `KINDS`. */
  readonly kind: number;
  /** How many sentences it has. */
  readonly sentences: number;
};

/** What a question asks for, by its question word; the order goes from what is asked to what is true. */
const KINDS: readonly (readonly string[])[] = [
  [],
  ["how much", "how many", "how long", "how old", "how far", "how often"],
  ["how"],
  ["why", "what causes", "what is the reason", "what are the reasons"],
  ["who", "whom", "whose"],
  ["when", "what time", "what year"],
  ["where"],
  ["which", "what is the best", "what are the best", "what are some", "who is the best"],
  ["what"],
  ["is", "are", "was", "were", "do", "does", "did", "has", "have", "am"],
  ["can", "could", "will", "would", "may", "might"],
  ["should", "must", "shall"],
];

const FUNCTION_WORDS = new Set(
  (
    "a an the this that these those i you he she it we they me him her us them my your his its our their mine yours of in on at by for with " +
    "from to into onto over under about as than then and or but if so because while be am is are was were been being do does did done doing " +
    "have has had having will would shall should can could may might must what which who whom whose how why when where there here some any " +
    "each every all most more much many very just also too only even still ever get got one ones someone something anyone anything s t"
  ).split(" "),
);

const NEGATIONS = new Set(
  "not no never none nobody nothing neither nor without cannot except unless stop avoid prevent against".split(" "),
);

const CONTRACTIONS: readonly (readonly [RegExp, string])[] = [
  [/\bwon't\b/g, "will not"],
  [/\bcan't\b|\bcannot\b/g, "can not"],
  [/\bshan't\b/g, "shall not"],
  [/n't\b/g, " not"],
  [/\b(what|how|who|where|when|why|it|that|there|he|she)'s\b/g, "$1 is"],
  [/'re\b/g, " are"],
  [/'ve\b/g, " have"],
  [/'ll\b/g, " will"],
  [/\bi'm\b/g, "i am"],
  [/'d\b/g, " would"],
  [/'s\b/g, " "],
];

/** A word, with the signs that some names end in (`c++`, `c#`). */
const WORD = /[\p{L}\p{M}\p{N}]+(?:\+\+|#)?/gu;

export const KINDS_COUNT = KINDS.length;

/** Only the start of a longer text is looked at: work has a bound. */
const CHARS_MAX = 2_000;

export function wordsOf(original: string): Words {
  const cut = original
    .slice(0, CHARS_MAX)
    .normalize("NFKC")
    .replace(/[’‘`´]/g, "'");
  let lower = cut.toLowerCase();
  for (const [pattern, text] of CONTRACTIONS) lower = lower.replace(pattern, text);
  const words = lower.match(WORD) ?? [];
  const stems = words.map(stemOf);
  const stem_set = new Set(stems);
  const text = words.join(" ");
  return {
    text,
    words,
    stems,
    stem_set,
    content: new Set(stems.filter((_, at) => !FUNCTION_WORDS.has(words[at] as string))),
    numbers: new Set(words.filter((word) => /\p{N}/u.test(word))),
    names: namesOf(cut),
    negations: words.reduce((sum, word) => sum + (NEGATIONS.has(word) ? 1 : 0), 0),
    kind: kindOf(text),
    sentences: cut.match(/[.?!]+(?=\s|$)/g)?.length ?? 0,
  };
}

/** The stem of an English word by its ending alone: enough for `charges`, `charged` and `charging` to meet. */
export function stemOf(word: string): string {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word;
  let stem = word;
  if (stem.endsWith("ies") && stem.length > 4) stem = `${stem.slice(0, -3)}y`;
  else if (/(?:ss|x|ch|sh)es$/.test(stem)) stem = stem.slice(0, -2);
  else if (stem.endsWith("s") && !/(?:ss|us|is)$/.test(stem)) stem = stem.slice(0, -1);
  if (stem.length > 5 && stem.endsWith("ing")) stem = stem.slice(0, -3);
  else if (stem.length > 4 && stem.endsWith("ed")) stem = stem.slice(0, -2);
  else if (stem.length > 5 && stem.endsWith("ly")) stem = stem.slice(0, -2);
  if (stem.length > 3 && /([bdgmnprt])\1$/.test(stem)) stem = stem.slice(0, -1);
  return stem.length > 3 && stem.endsWith("e") ? stem.slice(0, -1) : stem;
}

function kindOf(text: string): number {
  let best = 0;
  let best_length = 0;
  for (let kind = 1; kind < KINDS.length; kind += 1) {
    for (const start of KINDS[kind] as readonly string[]) {
      if (start.length > best_length && (text === start || text.startsWith(`${start} `))) {
        best = kind;
        best_length = start.length;
      }
    }
  }
  if (best !== 0) return best;
  // The question word stands elsewhere: `In Python, how do I …`. Yes-or-no words count at the start alone.
  for (let kind = 1; kind < 9; kind += 1) {
    for (const start of KINDS[kind] as readonly string[]) if (` ${text} `.includes(` ${start} `)) return kind;
  }
  return 0;
}

function namesOf(text: string): Set<string> {
  const names = new Set<string>();
  for (const match of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    const word = match[0];
    if (!/^\p{Lu}/u.test(word) || word === "I") continue;
    const before = text.slice(0, match.index).trimEnd();
    const starts = before === "" || /[.?!:"]$/.test(before);
    if (!starts || (word.length > 1 && word === word.toUpperCase())) names.add(stemOf(word.toLowerCase()));
  }
  return names;
}
