/** A pair of questions as numbers, for the trees. Symmetric in the two. Pure. */
import type { GuardCheck } from "./guard/guard.ts";
import { TEXT_FEATURES, textFeatures } from "./text-features.ts";
import { VECTOR_FEATURES, vectorFeatures } from "./vector-features.ts";
import type { Question } from "./verifier.ts";
import { type Words, wordsOf } from "./words.ts";

/** The guard's checks by number: a new one goes to the end, or files that were fitted before mean something else. */
const CHECKS: readonly GuardCheck[] = [
  ...(["language", "code", "numbers", "units", "dates", "polarity", "negation", "names"] as const),
  ...(["things", "direction", "question", "modality", "tense", "scope", "length"] as const),
];

/** Names of the features, in their order. A fitted file names them too: it is refused when they are others. */
export const FEATURES: readonly string[] = ["refused", "refused_by", ...VECTOR_FEATURES, ...TEXT_FEATURES];

/** A question as the features need it, so that one that meets many is read once. */
export type ReadQuestion = { readonly words: Words; readonly vector: Int8Array };

export function readQuestion({ text, vector }: Question): ReadQuestion {
  return { words: wordsOf(text), vector };
}

/** @param refused_by the guard's check that refuses the pair. @param rarity how telling a stem is, 0 to 1. */
export function featuresOf(
  left: ReadQuestion,
  right: ReadQuestion,
  refused_by: GuardCheck | undefined,
  rarity: (stem: string) => number,
): number[] {
  return [
    refused_by === undefined ? 0 : 1,
    refused_by === undefined ? 0 : CHECKS.indexOf(refused_by) + 1,
    ...vectorFeatures(left.vector, right.vector),
    ...textFeatures(left.words, right.words, rarity),
  ];
}
