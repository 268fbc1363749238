/** What the words of two questions have in common, and where they differ. Symmetric. Pure. */
import { align, charGrams, commonEnd, commonStart, grams, part, sharedCount } from "./overlap.ts";
import { KINDS_COUNT, type Words } from "./words.ts";

/** How telling a word is: about 0 for one that every question has, near 1 for one never seen. */
export type Rarity = (stem: string) => number;

export const TEXT_FEATURES = [
  ...["words_min", "words_max", "words_ratio", "chars_ratio", "sentences_max"],
  ...["word_jaccard", "word_containment", "stem_jaccard", "stem_containment", "content_jaccard", "content_containment"],
  ...["content_shared", "content_only_min", "content_only_max", "content_only_sum"],
  ...[
    "rare_jaccard",
    "rare_containment",
    "rare_shared",
    "rare_only_min",
    "rare_only_max",
    "rarest_only_min",
    "rarest_only_max",
  ],
  ...["rarest_shared", "rare_mean_only"],
  ...["bigram_dice", "trigram_dice", "char3_jaccard", "char3_containment", "char5_dice"],
  ...[
    "sequence_max",
    "sequence_min",
    "run_max",
    "edits_max",
    "edits",
    "start_part",
    "end_part",
    "start",
    "same_first",
    "same_last",
  ],
  ...["same_kind", "kind_low", "kind_high", "kind_pair"],
  ...["numbers_shared", "numbers_only", "numbers_conflict", "negation_differs", "negation_max"],
  ...["names_shared", "names_only", "names_conflict", "same_words", "near_words"],
] as const;

export function textFeatures(left: Words, right: Words, rarity: Rarity): number[] {
  return [
    ...sizes(left, right),
    ...sharedWords(left, right),
    ...rareWords(left, right, rarity),
    ...runs(left, right),
    ...order(left, right),
    ...kinds(left, right),
    ...particulars(left, right),
  ];
}

function sizes({ words: left, text: left_text, sentences }: Words, right: Words): number[] {
  const low = Math.min(left.length, right.words.length);
  const high = Math.max(left.length, right.words.length);
  const chars_low = Math.min(left_text.length, right.text.length);
  const chars_high = Math.max(left_text.length, right.text.length);
  return [low, high, part(low, high), part(chars_low, chars_high), Math.max(sentences, right.sentences)];
}

function sharedWords(left: Words, right: Words): number[] {
  const words = overlap(new Set(left.words), new Set(right.words));
  const stems = overlap(left.stem_set, right.stem_set);
  const content = overlap(left.content, right.content);
  const only_left = left.content.size - content.shared;
  const only_right = right.content.size - content.shared;
  return [
    ...[words.jaccard, words.containment, stems.jaccard, stems.containment, content.jaccard, content.containment],
    ...[content.shared, Math.min(only_left, only_right), Math.max(only_left, only_right), only_left + only_right],
  ];
}

function rareWords(left: Words, right: Words, rarity: Rarity): number[] {
  let shared = 0;
  let rarest_shared = 0;
  const only_left = { sum: 0, rarest: 0, count: 0 };
  const only_right = { sum: 0, rarest: 0, count: 0 };
  for (const stem of left.stem_set) {
    const rare = rarity(stem);
    if (!right.stem_set.has(stem)) count(only_left, rare);
    else {
      shared += rare;
      rarest_shared = Math.max(rarest_shared, rare);
    }
  }
  for (const stem of right.stem_set) if (!left.stem_set.has(stem)) count(only_right, rarity(stem));
  const only = only_left.sum + only_right.sum;
  const low = Math.min(only_left.sum, only_right.sum);
  const high = Math.max(only_left.sum, only_right.sum);
  return [
    ...[part(shared, shared + only), part(shared, shared + low), shared, low, high],
    ...[Math.min(only_left.rarest, only_right.rarest), Math.max(only_left.rarest, only_right.rarest)],
    ...[rarest_shared, part(only, only_left.count + only_right.count)],
  ];
}

function count(only: { sum: number; rarest: number; count: number }, rare: number): void {
  only.sum += rare;
  only.rarest = Math.max(only.rarest, rare);
  only.count += 1;
}

function runs(left: Words, right: Words): number[] {
  const chars = overlap(charGrams(left.text, 3), charGrams(right.text, 3));
  return [
    overlap(grams(left.stems, 2), grams(right.stems, 2)).dice,
    overlap(grams(left.stems, 3), grams(right.stems, 3)).dice,
    chars.jaccard,
    chars.containment,
    overlap(charGrams(left.text, 5), charGrams(right.text, 5)).dice,
  ];
}

function order({ stems: left }: Words, { stems: right }: Words): number[] {
  const { sequence, run, edits } = align(left, right);
  const low = Math.min(left.length, right.length);
  const high = Math.max(left.length, right.length);
  const start = commonStart(left, right);
  const same_last = left.at(-1) === right.at(-1) ? 1 : 0;
  return [
    ...[part(sequence, high), part(sequence, low), part(run, high), part(edits, high), edits],
    ...[part(start, high), part(commonEnd(left, right), high), start, left[0] === right[0] ? 1 : 0, same_last],
  ];
}

function kinds({ kind: left }: Words, { kind: right }: Words): number[] {
  const low = Math.min(left, right);
  const high = Math.max(left, right);
  return [left === right ? 1 : 0, low, high, low * KINDS_COUNT + high];
}

function particulars(left: Words, right: Words): number[] {
  const numbers = conflict(left.numbers, right.numbers);
  const names = conflict(left.names, right.names);
  const near = nearCount(left, right) + nearCount(right, left);
  return [
    ...numbers,
    ...[left.negations % 2 === right.negations % 2 ? 0 : 1, Math.max(left.negations, right.negations)],
    ...names,
    left.stem_set.size === right.stem_set.size && sharedCount(left.stem_set, right.stem_set) === left.stem_set.size
      ? 1
      : 0,
    near,
  ];
}

/** How many words of the one start like a word that the other has alone: `psychology`, `psychologist`. */
function nearCount(left: Words, right: Words): number {
  const starts = new Set<string>();
  for (const stem of right.content) if (!left.content.has(stem)) starts.add(stem.slice(0, 4));
  let count = 0;
  for (const stem of left.content) {
    if (stem.length >= 4 && !right.content.has(stem) && starts.has(stem.slice(0, 4))) count += 1;
  }
  return count;
}

/** Shared, held by one alone, and whether both have one that the other lacks. */
function conflict(left: ReadonlySet<string>, right: ReadonlySet<string>): number[] {
  const shared = sharedCount(left, right);
  const only_left = left.size - shared;
  const only_right = right.size - shared;
  return [shared, only_left + only_right, Math.min(only_left, only_right)];
}

type Overlap = {
  readonly shared: number;
  readonly jaccard: number;
  readonly containment: number;
  readonly dice: number;
};

function overlap(left: ReadonlySet<string>, right: ReadonlySet<string>): Overlap {
  const shared = sharedCount(left, right);
  return {
    shared,
    jaccard: part(shared, left.size + right.size - shared),
    containment: part(shared, Math.min(left.size, right.size)),
    dice: part(2 * shared, left.size + right.size),
  };
}
