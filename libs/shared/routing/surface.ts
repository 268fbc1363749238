/** What a prompt looks like, as numbers: read off its characters and words, without knowing what it says. Pure. */

/** Of a longer text the beginning and the end are looked at. */
const CHARS_MAX = 8_000;

const counted = {
  commas: /,/g,
  numbers: /\d+(?:[.,]\d+)*/g,
  fractions: /\d+\/\d+|\d\.\d/g,
  percents: /%|percent/gi,
  multiples: /\b(?:twice|half|third|quarter|double|triple)\b/gi,
  comparisons: /\b(?:more|less|fewer|than)\b/gi,
  quantities: /\b(?:more|less|fewer|than|twice|half|each|every|per|times|total|remaining|left|ratio)\b/gi,
  negations: /\b(?:not|never|no|none|without|except|least|neither|nor|cannot)\b|n't\b/gi,
  conditions: /\bif\b/gi,
  clauses: /\b(?:that|which|who|where|when|while|so|because)\b/gi,
  conjunctions: /\band\b/gi,
  names: /\p{Lu}\p{Ll}+/gu,
  sentences: /[.!?](?=\s|$)/g,
  lines: /\n/g,
  options: /^\s*(?:[A-Za-z]|\d{1,2})[.):]\s/gm,
  maths: /[=+*^<>≤≥±×÷√∑∫∂∞≠≈]|\\[a-z]+/g,
  code: /```|[{};]|=>|->|::|\(\)/g,
} as const;
const COUNTED = Object.entries(counted) as readonly (readonly [keyof typeof counted, RegExp])[];

/** The features by name, in the order of `surfaceOf`. */
export const SURFACE_FEATURES = ["chars", ...COUNTED.map(([name]) => name), "distinct_numbers"] as const;

/** Length and counts as their logarithm, since the tenth of a kind says less than the first. */
export function surfaceOf(text: string): number[] {
  const seen = shortened(text, CHARS_MAX);
  const counts = COUNTED.map(([, pattern]) => seen.match(pattern)?.length ?? 0);
  const distinct_numbers = new Set(seen.match(counted.numbers)).size;
  return [text.length, ...counts, distinct_numbers].map(Math.log1p);
}

/** The first and the last half of what may be looked at. */
export function shortened(text: string, chars_max: number): string {
  if (text.length <= chars_max) return text;
  const half = chars_max / 2;
  return `${text.slice(0, half)}\n${text.slice(-half)}`;
}
