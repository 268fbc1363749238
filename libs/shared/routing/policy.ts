/**
 * A fitted tier policy: how much better the strong tier's answer to a prompt will be than the weak one's, as a linear function of the
 * prompt's embedding and of its surface. `sluice tiers fit` writes it, the router and `sluice tiers eval` apply it. Pure.
 */
import { z } from "zod";
import { SURFACE_FEATURES, surfaceOf } from "./surface.ts";

const tier = z.string().min(1).max(41);
const ratio = z.number().min(0).max(1);
/** Beyond it no column counts: a prompt unlike all that were seen shall not decide by one odd number. */
const DEVIATIONS_MAX = 4;
/** Scores are places among so many quantiles. */
export const QUANTILES = 101;

export const tierPolicySchema = z.strictObject({
  format: z.literal("sluice.tier-policy.1"),
  /** The two tiers that it chooses between. */
  weak: tier,
  strong: tier,
  embedding: z.strictObject({ model: z.string().min(1), dimensions: z.int().positive().max(8_192) }),
  intercept: z.number(),
  /** Of each dimension of the embedding, little-endian 32-bit floats in base64. */
  embedding_weights: z.base64(),
  /** By name; a value is taken as its distance from `mean` in times of `deviation`. */
  surface: z
    .array(
      z.strictObject({
        name: z.enum(SURFACE_FEATURES),
        mean: z.number(),
        deviation: z.number().positive(),
        weight: z.number(),
        /** Of the distance's square. */
        square_weight: z.number(),
      }),
    )
    .max(100),
  /** Predicted gains of prompts that the fit had not seen, in even steps from the least to the greatest: a score is a place among them. */
  gains: z
    .array(z.number())
    .length(QUANTILES)
    .refine((gains) => gains.every((gain, at) => at === 0 || gain >= (gains[at - 1] ?? gain)), "must not fall"),
  /** From this score on a prompt takes the strong tier. */
  threshold: ratio,
  /** What each share of strong calls is expected to give, by cross-validation. */
  shares: z.array(
    z.strictObject({
      strong_share: ratio,
      threshold: ratio,
      quality: z.number(),
      gap_recovered: z.number(),
      /** Of the cost of asking the strong tier for all. */
      cost_share: z.number().nonnegative(),
    }),
  ),
  /** What it was fitted on. */
  fitted: z.strictObject({
    prompts: z.int().positive(),
    penalty: z.strictObject({ embedding: z.number().positive(), surface: z.number().positive() }),
    apgr: z.number(),
    weak_quality: z.number(),
    strong_quality: z.number(),
  }),
});
export type TierPolicyFile = z.infer<typeof tierPolicySchema>;

export type TierPolicy = Pick<TierPolicyFile, "weak" | "strong" | "threshold"> & {
  readonly embedding_model: string;
  readonly dimensions: number;
  /**
   * @param vector of the prompt, by the policy's embedding model.
   * @returns the gain that is expected of the strong tier, and its place among all, 0 to 1; undefined for a vector of another length.
   */
  judge(text: string, vector: Float32Array): { readonly gain: number; readonly score: number } | undefined;
};

/** @throws RangeError where the weights are not as many as the dimensions. */
export function openPolicy(file: TierPolicyFile): TierPolicy {
  const { dimensions, model } = file.embedding;
  const weights = decodeWeights(file.embedding_weights);
  if (weights.length !== dimensions) {
    throw new RangeError(
      `embedding_weights hold ${weights.length} numbers and embedding.dimensions says ${dimensions}`,
    );
  }
  const columns = file.surface.map((column) => ({ ...column, at: SURFACE_FEATURES.indexOf(column.name) }));
  return {
    weak: file.weak,
    strong: file.strong,
    threshold: file.threshold,
    embedding_model: model,
    dimensions,
    judge(text, vector) {
      if (vector.length !== dimensions) return undefined;
      let gain = file.intercept;
      for (let at = 0; at < dimensions; at += 1) gain += (weights[at] as number) * (vector[at] as number);
      const surface = surfaceOf(text);
      for (const { at, mean, deviation, weight, square_weight } of columns) {
        const value = standardised(surface[at] as number, mean, deviation);
        gain += weight * value + square_weight * value ** 2;
      }
      return { gain, score: placeAmong(file.gains, gain) };
    },
  };
}

export function standardised(value: number, mean: number, deviation: number): number {
  return Math.max(-DEVIATIONS_MAX, Math.min(DEVIATIONS_MAX, (value - mean) / deviation));
}

/** The part of evenly spaced quantiles that is below the value, between two of them by a straight line. */
export function placeAmong(quantiles: readonly number[], value: number): number {
  const last = quantiles.length - 1;
  if (value <= (quantiles[0] as number)) return 0;
  if (value >= (quantiles[last] as number)) return 1;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((quantiles[middle] as number) <= value) low = middle;
    else high = middle;
  }
  const from = quantiles[low] as number;
  const to = quantiles[high] as number;
  return (low + (value - from) / (to - from)) / last;
}

export function encodeWeights(weights: ArrayLike<number>): string {
  const bytes = Buffer.alloc(weights.length * 4);
  for (let at = 0; at < weights.length; at += 1) bytes.writeFloatLE(weights[at] as number, at * 4);
  return bytes.toString("base64");
}

function decodeWeights(text: string): Float64Array {
  const bytes = Buffer.from(text, "base64");
  const weights = new Float64Array(Math.floor(bytes.length / 4));
  for (let at = 0; at < weights.length; at += 1) weights[at] = bytes.readFloatLE(at * 4);
  return weights;
}
