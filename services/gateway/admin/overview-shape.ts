/** What `GET /admin/overview` says. Shared with the page that shows it. Pure. */
import { z } from "zod";

const count = z.number();
const byName = z.record(z.string(), count);

const spanSchema = z.object({
  /** Results by their status. */
  by_status: byName,
  /** Results by how the cache took part: exact, semantic, coalesced, miss, bypass. */
  by_cache: byName,
  cost_usd: z.number(),
  prompt_tokens: count,
  completion_tokens: count,
  /** From the request's arrival to its answer, of those that succeeded; null where none did. */
  latency_ms: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
});
export type Span = z.infer<typeof spanSchema>;

export const overviewSchema = z.object({
  object: z.literal("overview"),
  at_ms: z.number(),
  /** The last minute up to now. */
  now: spanSchema.extend({
    over_ms: z.number().describe("How long it is"),
    requests_per_s: z
      .number()
      .nullable()
      .describe("Written to the topics of requests; null until it was looked at twice"),
  }),
  minutes: z
    .array(spanSchema.extend({ at_ms: z.number().describe("When the minute began") }))
    .describe("Whole minutes of the last hour, as far as they were read, the oldest first"),
  complete: z.boolean().describe("False while the hour is still being read"),
  groups: z
    .array(
      z.object({
        group: z.string(),
        topic: z.string(),
        lag: count,
        oldest_age_ms: z.number().nullable().describe("Of the oldest unfinished record, within an eighth"),
      }),
    )
    .nullable()
    .describe("Consumer groups; null while they cannot be looked at"),
});
export type Overview = z.infer<typeof overviewSchema>;
