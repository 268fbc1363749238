/** What the routes about rollouts take and give. */
import { z } from "zod";

const changeField = z.discriminatedUnion("of", [
  z.strictObject({ of: z.literal("model"), tier: z.string(), model: z.string() }),
  z.strictObject({ of: z.literal("prompt"), tier: z.string(), prompt: z.string() }),
  z.strictObject({ of: z.literal("policy"), policy_file: z.string().min(1).max(1_000) }),
]);
const percentField = z.int().min(1).max(100);

export const startBody = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,40}$/, "must be 1 to 41 lower-case letters, digits, - or _"),
  change: changeField,
  percent: percentField.optional().describe("By default the first stage"),
  manual: z.boolean().default(false).describe("It is moved by hand alone"),
});
export const moveBody = z.strictObject({ percent: percentField });

export const ACT_SUMMARIES = {
  move: "Move a rollout to another part of the requests",
  pause: "Keep a rollout where it is",
  resume: "Go on with a paused rollout",
  rollback: "Give nobody a rollout's new side any more",
  finish: "Give everybody a rollout's new side",
} as const;

export const rolloutSchema = z.object({
  object: z.literal("rollout"),
  name: z.string(),
  change: z.looseObject({ of: z.string() }),
  status: z.enum(["running", "paused", "done", "rolled_back"]),
  percent: z.number(),
  automatic: z.boolean(),
  started_ms: z.number(),
  stage_ms: z.number(),
  at_ms: z.number(),
  by: z.string().optional(),
  why: z.string().optional(),
  problem: z.string().nullable().describe("Why routers do not follow it"),
});
export const rolloutsSchema = z.object({ object: z.literal("list"), data: z.array(rolloutSchema) });

const side = z.object({
  results: z.number(),
  failed: z.number(),
  latency_ms_p50: z.number().nullable(),
  latency_ms_p95: z.number().nullable(),
  cost_usd_mean: z.number().nullable(),
});
export const stageSchema = rolloutSchema.extend({
  sides: z.object({ new: side, old: side }),
  checks: z.array(
    z.object({
      of: z.enum(["failed", "latency", "cost"]),
      verdict: z.enum(["holds", "unclear", "broken"]),
      new: z.number().optional(),
      old: z.number().optional(),
      bound: z.number().optional(),
    }),
  ),
  next: z.looseObject({ kind: z.enum(["stay", "move", "roll_back"]), why: z.string() }),
  results_of: z.int().describe("The newest results that were looked at"),
  series: z.array(z.object({ at_ms: z.number(), new: side, old: side })),
  stages: z.array(z.number()),
});
