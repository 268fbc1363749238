/** Settings of how a request finds its tier: rules, complexity, escalation, rollouts and shadows. */
import { z } from "zod";

const count = z.int().positive();
const ratio = z.number().min(0).max(1);
const usd = z.number().nonnegative().max(9_000_000);
const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,40}$/, "must be lower-case letters, digits, - or _");

/** All that is given must hold. */
const when = z.strictObject({
  tenants: z.array(z.string()).min(1).optional(),
  /** What the request uses, as in `plans.<plan>.features`: all of these. */
  features: z
    .array(z.enum(["tools", "images", "structured_output", "stream"]))
    .min(1)
    .optional(),
  /** A regular expression of RE2 (linear time), looked for in the last user turn. */
  prompt_matches: z.string().min(1).max(1_000).optional(),
  /** The same in the system prompt. */
  system_matches: z.string().min(1).max(1_000).optional(),
  /** Characters of all messages. */
  chars_min: count.optional(),
  chars_max: count.optional(),
  turns_min: count.optional(),
  /** Pairs that the request's `metadata` holds. */
  metadata: z.record(z.string(), z.string()).optional(),
  lane: z.enum(["interactive", "batch"]).optional(),
});

const rule = z.strictObject({ name, when, tier: z.string() });
export type RoutingRule = z.infer<typeof rule>;

const complexity = z.strictObject({
  /** `none`: the default tier. `trained` takes `policy_file`. */
  method: z.enum(["none", "heuristic", "trained"]).default("heuristic"),
  /** From this score on (0 to 1) a request takes the stronger tier; of `trained`, the policy's own unless set. */
  threshold: ratio.optional(),
  /** What `sluice tiers fit` wrote. */
  policy_file: z.string().optional(),
});

/** An answer that is not good enough is asked for again, of the next tier. Only for requests that leave the tier to us. */
const escalation = z.strictObject({
  enabled: z.boolean().default(false),
  /** Tiers beyond the first one at the most. */
  hops_max: count.max(4).default(1),
  /** What the request may cost in all, in times of the first call's cost; left out: what is reserved. */
  cost_factor_max: z.number().min(1).optional(),
  /** What counts as not good enough. */
  on: z
    .array(z.enum(["low_confidence", "refusal", "invalid_output", "cut_off"]))
    .min(1)
    .default(["low_confidence", "refusal", "invalid_output", "cut_off"]),
  /** Of `low_confidence`: the mean log-probability of the answer's tokens, where the provider gives it. */
  mean_logprob_min: z.number().max(0).default(-1),
});
export type EscalationSettings = z.infer<typeof escalation>;

/** `draft_and_verify`: the first tier answers, the next one judges in a few tokens, and answers itself only if it must. */
const strategy = z.enum(["single", "draft_and_verify"]);

const rollout = z.strictObject({
  /** Per cent of the requests, stage by stage. */
  stages: z
    .array(z.int().min(1).max(100))
    .min(1)
    .refine((stages) => stages.every((stage, at) => at === 0 || stage > (stages[at - 1] ?? 0)), "must rise")
    .default([10, 25, 50, 100]),
  /** A stage lasts as long at the least, and until the new side has so many results. */
  stage_minutes: z.number().positive().default(30),
  results_min: count.default(200),
  /** Moves by itself while the checks hold, and back when they do not. */
  automatic: z.boolean().default(true),
  check_interval_ms: count.default(15_000),
  /** Bounds of the new side beside the old one: part of failed results more, and times of latency (p95) and mean cost. */
  error_ratio_more_max: ratio.default(0.02),
  latency_factor_max: z.number().positive().default(1.5),
  cost_factor_max: z.number().positive().default(2),
});
export type RolloutSettings = z.infer<typeof rollout>;

/** A share of what one tier answers is asked of another, in the background: compared on `llm.shadow`, never told to the user. */
const shadow = z.strictObject({
  from: z.array(z.string()).min(1).optional(),
  to: z.string(),
  share: ratio,
  budget_day_usd: usd,
  tenants: z.array(z.string()).min(1).optional(),
});
export type ShadowSettings = z.infer<typeof shadow>;

export const routingSchema = z.strictObject({
  /** Where `auto` and unnamed chat requests go unless something else says otherwise. */
  default_tier: name,
  /** Where embeddings requests go. */
  embeddings_tier: name,
  /** The chat tiers that we may choose for a request that leaves it to us, from the weakest to the strongest; left out: the default tier
   * and the tiers that come after it in `tiers`. */
  ladder: z.array(name).min(1).optional(),
  rules: z.array(rule).max(200).default([]),
  complexity: complexity.prefault({}),
  strategy: strategy.default("single"),
  escalation: escalation.prefault({}),
  rollout: rollout.prefault({}),
  shadows: z.record(name, shadow).default({}),
});
export type RoutingSettings = z.infer<typeof routingSchema>;
