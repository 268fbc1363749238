/** Settings of what is observed, and of how many processes there are. */
import { z } from "zod";

const count = z.int().positive();
const share = z.number().min(0).max(1);

export const observationSchema = z.strictObject({
  /** How often a process says how it is, for scaling, advice and the console. */
  beat_ms: z.int().min(500).default(2_000),
  /** A process that has been silent for so long counts as gone. */
  beat_ttl_ms: z.int().min(2_000).default(10_000),
  /** Tenants with a label of their own in metrics, by what they use; the others are one, `other`. */
  tenants_max: z.int().nonnegative().default(20),
});

const bounds = z.strictObject({ min: z.int().nonnegative().default(1), max: count.default(8) });

export const scalingSchema = z.strictObject({
  /** Replicas of each service, such as `router: { min: 1, max: 4 }`; of a tier's workers, where each tier has its own, as `inference.<tier>`. */
  bounds: z.record(z.string(), bounds).default({}),
  default_bounds: bounds.prefault({}),
  /** The oldest unfinished record is to be younger: what scaling aims at. */
  target_age_ms: count.default(2_000),
  /** In how long a backlog is to be worked off. */
  work_off_ms: count.default(60_000),
  target_utilisation: share.default(0.7),
  /** Below it a replica less would do. */
  idle_utilisation: share.default(0.45),
  step_up_max: count.default(2),
  step_down_max: count.default(1),
  cool_down_up_ms: z.int().nonnegative().default(60_000),
  cool_down_down_ms: z.int().nonnegative().default(300_000),
  /** From this part of the waits on, the provider's limits are what holds the work up, and more workers would not help. */
  provider_limited_max: share.default(0.5),
  /** From this part of failed calls on, endpoints are failing, and the number of workers stays. */
  errors_max: share.default(0.5),
  /** How often it is decided. */
  every_ms: z.int().min(500).default(5_000),
  /** Load is averaged over so long. */
  window_ms: count.default(15_000),
  /** By time of day and week, from what was seen before. */
  forecast: z
    .strictObject({
      enabled: z.boolean().default(true),
      ahead_ms: count.default(300_000),
      weeks: count.default(4),
      confidence_min: share.default(0.5),
    })
    .prefault({}),
  history_days: count.default(30),
});

export type ScalingSettings = z.infer<typeof scalingSchema>;
