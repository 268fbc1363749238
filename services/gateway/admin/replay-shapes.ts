/** What the routes about replays take and give. Pure. */
import { z } from "zod";
import { idField, statusField, tenantField } from "../../../libs/shared/events/fields.ts";
import { usdOf } from "../../../libs/shared/money.ts";
import { REPLAY_STATUSES, type Replay, STAGES } from "../../../libs/shared/replay/replay.ts";

const names = z.array(z.string().min(1).max(200)).min(1).max(50);
const time = z.int().nonnegative().max(8_640_000_000_000_000);
const IDS_MAX = 1_000;

const selectionField = z
  .strictObject({
    topic: z
      .string()
      .min(1)
      .max(2_000)
      .optional()
      .describe("One, or several with commas; by default those of requests, or of the stage's input"),
    from_ms: time.optional(),
    to_ms: time.optional(),
    offsets: z
      .array(
        z.strictObject({ partition: z.int().nonnegative(), from: z.int().nonnegative(), to: z.int().nonnegative() }),
      )
      .min(1)
      .max(1_000)
      .optional(),
    ids: z.array(idField).min(1).max(IDS_MAX).optional(),
    tenant: tenantField.optional(),
    status: z.array(statusField).min(1).optional(),
    tier: names.optional(),
    model: names.optional(),
    error_code: names.optional(),
    label: z.record(z.string().max(64), z.string().max(512)).optional(),
    limit: z.int().positive().optional(),
  })
  .refine(({ from_ms = 0, to_ms }) => to_ms === undefined || from_ms < to_ms, {
    path: ["to_ms"],
    message: "must be after from_ms",
  });

const SETTINGS_CHARS_MAX = 200_000;

const specField = z.strictObject({
  mode: z.enum(["reuse", "recompute", "shadow", "what-if", "stage"]),
  selection: selectionField,
  stage: z.enum(STAGES).optional(),
  rate_per_s: z.number().positive().max(100_000).optional(),
  tier: z.string().min(1).max(64).optional(),
  model: z.string().min(1).max(200).optional(),
  settings: z.strictObject({ name: z.string().min(1).max(200), yaml: z.string().max(SETTINGS_CHARS_MAX) }).optional(),
  webhooks: z.boolean().optional(),
  charge: z.boolean().optional(),
  fill_cache: z.boolean().optional(),
});

const usd = z.number().positive().max(9_000_000);
export const createBody = z.strictObject({ spec: specField, budget_usd: usd.optional() });
export const startBody = z.strictObject({ budget_usd: usd.optional() });

export const replaySchema = z.looseObject({
  id: z.string(),
  object: z.literal("replay"),
  status: z.enum(REPLAY_STATUSES),
  mode: z.string(),
  spec: z.looseObject({}).describe("As it was asked for; of a settings file, the name"),
  runner: z.enum(["cli", "service"]),
  by: z.string(),
  preview: z.looseObject({}).nullable(),
  totals: z.looseObject({}),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  budget_usd: z.number().nullable(),
  wanted: z.string().nullable(),
  created_ms: z.number(),
  updated_ms: z.number(),
  ended_ms: z.number().nullable(),
});

/** Without its comparison, which may be large. */
export function replayOf(replay: Replay): z.infer<typeof replaySchema> {
  const { spec, preview, totals } = replay;
  const { settings, ...rest } = spec;
  return {
    ...{ id: replay.id, object: "replay", status: replay.status, mode: spec.mode },
    spec: { ...rest, ...(settings === undefined ? {} : { settings: { name: settings.name } }) },
    ...{ runner: replay.runner, by: replay.by, preview: preview === undefined ? null : previewOf(preview) },
    totals: totalsOf(totals),
    ...{ error: replay.error ?? null, wanted: replay.wanted ?? null },
    budget_usd: replay.budget_nusd === undefined ? null : usdOf(replay.budget_nusd),
    ...{ created_ms: replay.created_ms, updated_ms: replay.updated_ms, ended_ms: replay.ended_ms ?? null },
  };
}

function previewOf({
  expected_nusd,
  most_nusd,
  recorded_nusd,
  ...preview
}: NonNullable<Replay["preview"]>): Record<string, unknown> {
  const costs = { expected_usd: usdOf(expected_nusd), most_usd: usdOf(most_nusd), recorded_usd: usdOf(recorded_nusd) };
  return { ...preview, ...costs };
}

function totalsOf({ cost_nusd, ...totals }: Replay["totals"]): Record<string, unknown> {
  return { ...totals, cost_usd: usdOf(cost_nusd) };
}
