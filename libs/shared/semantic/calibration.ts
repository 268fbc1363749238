/** What a calibration comes to, as `cache.semantic.calibration_file` holds it. Pure. */
import { z } from "zod";
import { FEATURES } from "./features.ts";
import { raritySchema } from "./rarity.ts";
import { forestSchema } from "./trees.ts";

const share = z.number().min(0).max(1);
const count = z.int().nonnegative();

const threshold = z.strictObject({
  max_error: z.number().positive().max(0.5),
  /** Null: no threshold keeps within the error, or there are too few pairs to tell. */
  probability: share.nullable(),
  /** Whether a pair that the guard refuses may be a hit: its refusal is then one feature among others, else it stands. */
  weighed: z.boolean(),
  /** Of the pairs that it was found on: hits from it on, and how many of them are wrong. */
  hits: count,
  wrong: count,
});
export type Threshold = z.infer<typeof threshold>;

export const calibrationSchema = z
  .strictObject({
    version: z.literal(1),
    /** It judges vectors of this model alone. */
    embedding_model: z.string().min(1),
    /** What the trees were fitted on: the pairs that were given, or those of the default. */
    trees_of: z.enum(["pairs", "default"]),
    /** How many pairs were given. */
    pairs: count,
    confidence: share,
    features: z.array(z.string()),
    /** Makes probabilities of the trees' scores. */
    curve: z.strictObject({ slope: z.number().positive(), shift: z.number() }),
    /** By `max_error`, ascending. What is a hit for one is a hit for all after it. */
    thresholds: z.array(threshold),
    rarity: raritySchema,
    forest: forestSchema,
  })
  .refine(({ features }) => features.join() === FEATURES.join(), {
    path: ["features"],
    error: "are those of another version of Sluice: run `sluice cache calibrate` again",
  })
  .refine(({ forest }) => forest.edges.length === FEATURES.length, { path: ["forest"], error: "has other features" });
export type Calibration = z.infer<typeof calibrationSchema>;

/** What the trees need to score a pair. */
export type Scorer = Pick<Calibration, "rarity" | "forest">;
