/** What the routes about the cache take and give. Pure. */
import { z } from "zod";
import { tenantField } from "../../../libs/shared/events/fields.ts";
import type { ResultHead } from "../../../libs/shared/events/flow.ts";

const counts = z.object({
  exact: z.number(),
  semantic: z.number(),
  coalesced: z.number(),
  misses: z.number(),
  bypassed: z.number(),
  saved_usd: z.number().describe("Estimated by what misses cost"),
});
const checks = z
  .object({
    checked: z.number(),
    wrong: z.number(),
    false_hit_rate: z.number().nullable(),
    reported: z.number(),
  })
  .nullable();
const both = { hour: counts, day: counts.nullable().describe("Null where a day takes too long to count"), checks };

export const figuresSchema = z.object({
  object: z.literal("cache"),
  at_ms: z.number(),
  ...both,
  tenants: z.array(z.object({ tenant: z.string(), ...both })),
  series: z.array(
    z.object({
      hour_ms: z.number(),
      exact: z.number(),
      semantic: z.number(),
      coalesced: z.number(),
      misses: z.number(),
    }),
  ),
  wrong: z.array(
    z.object({
      tenant: z.string(),
      id: z.string(),
      entry_id: z.string().nullable(),
      probability: z.number().nullable(),
      at_ms: z.number(),
      differs_by: z.string().nullable(),
    }),
  ),
});

export const hitsQuery = z.strictObject({
  tenant: tenantField.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before_ms: z.coerce.number().int().positive().max(8_640_000_000_000_000).optional().describe("Ended before it"),
});

const hitSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  at_ms: z.number(),
  tier: z.string(),
  model: z.string(),
  entry_id: z.string().nullable(),
  similarity: z.number().nullable(),
  probability: z.number().nullable(),
  threshold: z.number().nullable().describe("The least probability that was enough"),
  candidates: z.array(
    z.object({
      entry: z.string(),
      similarity: z.number(),
      probability: z.number().nullable(),
      rejected_by: z.string().nullable(),
    }),
  ),
});
export const hitsSchema = z.object({ object: z.literal("list"), data: z.array(hitSchema), has_more: z.boolean() });

export function hitOf({ id, tenant, route, timing }: ResultHead): z.infer<typeof hitSchema> {
  const { candidates = [], threshold } = route?.decision?.cache ?? {};
  const taken = candidates.find(({ entry }) => entry === route?.cache_entry);
  return {
    ...{ id, tenant, at_ms: timing.completed ?? 0, tier: route?.tier ?? "", model: route?.model ?? "" },
    ...{ entry_id: route?.cache_entry ?? null, similarity: route?.similarity ?? taken?.similarity ?? null },
    ...{ probability: taken?.probability ?? null, threshold: threshold ?? null },
    candidates: candidates.map(({ entry, similarity, probability = null, rejected_by = null }) => {
      return { entry, similarity, probability, rejected_by };
    }),
  };
}

const sums = {
  entries: z.number(),
  semantic: z.number(),
  exact: z.number(),
  warmed: z.number(),
  expired: z.number(),
  bytes: z.number(),
  oldest_ms: z.number().nullable(),
  newest_ms: z.number().nullable(),
};
export const entriesSchema = z.object({
  object: z.literal("cache.entries"),
  partial: z.boolean().describe("There are more than were counted"),
  total: z.object(sums),
  tenants: z.array(z.object({ tenant: z.string(), ...sums })),
  ages: z.record(z.string(), z.number()),
  embedding_models: z.record(z.string(), z.number()),
});

const selectorFields = {
  entry_id: z.string().min(1).max(100).optional(),
  tenant: tenantField.optional(),
  namespace: z.string().min(1).max(256).optional().describe("A request's own metadata.cache_namespace"),
  pattern: z.string().min(1).max(1_000).optional().describe("RE2, looked for in the entry's question"),
};
export const purgeBody = z
  .strictObject({
    ...selectorFields,
    older_than_s: z.int().positive().optional(),
    all: z.literal(true).optional().describe("Every entry of every tenant"),
    why: z.string().max(500).optional(),
    dry_run: z.boolean().default(true),
  })
  .refine(
    ({ all, why: _, dry_run: __, ...named }) =>
      (all === true) !== Object.values(named).some((one) => one !== undefined),
    {
      path: ["all"],
      message: "must be true where no field says which entries are to go, and left out where one does",
    },
  );

export const purgeSchema = z.object({
  object: z.literal("cache.purge"),
  done: z.boolean(),
  selector: z.object({ ...selectorFields, before_ms: z.number().optional() }),
  /** Of a dry run. */
  partial: z.boolean().optional(),
  matched: z.int().optional(),
  bytes: z.number().optional(),
  tenants: z.array(z.object({ tenant: z.string(), entries: z.int(), semantic: z.int(), bytes: z.number() })).optional(),
  samples: z.array(z.object({ entry_id: z.string(), tenant: z.string(), question: z.string().nullable() })).optional(),
});
