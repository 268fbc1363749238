/** What a prompt looks like, as numbers: read off its characters and words, without knowing what it says. Pure. */

/** Of a longer text the beginning and the end are looked at. */
const CHARS_MAX = 8_000;

const WORD = /[\p{L}\p{N}_']+/gu;
const NUMBER = /\d+(?:[.,]\d+)*/g;
const MATHS =
  /[=+*/^<>≤≥±×÷√∑∫∂∞≠≈%$]|\\[a-z]+|\b(?:sqrt|log|sin|cos|tan|lim|mod|integral|equation|probability|percent)\b/gi;
const CODE =
  /```|[{};]|=>|->|::|\(\)|\b(?:def|function|class|return|import|const|public|SELECT|async|await|null|void)\b/g;
const SENTENCE = /[.!?](?=\s|$)/g;
const OPTION = /^\s*(?:[A-Za-z]|\d{1,2})[.):]\s/gm;
const NEGATION = /\b(?:not|never|no|none|without|except|least|neither|nor|cannot)\b|n't\b/gi;
const COMPARISON = /\b(?:more|less|fewer|than|twice|half|each|every|per|times|total|remaining|left|ratio)\b/gi;

/** The features by name, in the order of `surfaceOf`. */
export const SURFACE_FEATURES = [
  "log_chars",
  "log_words",
  "word_chars",
  "numbers",
  "maths",
  "code",
  "lines",
  "sentences",
  "questions",
  "options",
  "negations",
  "comparisons",
  "capitals",
  "other_scripts",
] as const;

/** Counts as their logarithm, since the tenth of a kind says less than the first; the last two are shares. */
export function surfaceOf(text: string): number[] {
  const seen = shortened(text, CHARS_MAX);
  const words = seen.match(WORD) ?? [];
  const letters = words.reduce((sum, word) => sum + word.length, 0);
  const count = (pattern: RegExp): number => Math.log1p(seen.match(pattern)?.length ?? 0);
  const share = (pattern: RegExp): number => (seen.match(pattern)?.length ?? 0) / Math.max(1, seen.length);
  return [
    Math.log1p(text.length),
    Math.log1p(words.length),
    letters / Math.max(1, words.length),
    count(NUMBER),
    count(MATHS),
    count(CODE),
    count(/\n/g),
    count(SENTENCE),
    count(/\?/g),
    count(OPTION),
    count(NEGATION),
    count(COMPARISON),
    share(/\p{Lu}/gu),
    share(/[^\p{Script=Latin}\p{N}\p{P}\p{S}\p{Z}\s]/gu),
  ];
}

/** The first and the last half of what may be looked at. */
export function shortened(text: string, chars_max: number): string {
  if (text.length <= chars_max) return text;
  const half = chars_max / 2;
  return `${text.slice(0, half)}\n${text.slice(-half)}`;
}
