/** What is kept of a request's way beside its Result, in the row's column `trail`. Nothing of the question or of an answer is in it. Pure. */
import { z } from "zod";
import { type AttemptNote, traceField } from "../events/attempts.ts";
import type { OutcomeHead } from "../events/flow.ts";
import { KEY_HEADER, TRAIL_HEADER } from "../events/headers.ts";
import { parseJson } from "../events/json.ts";
import { type Trail, trailOf } from "../events/trail.ts";
import { reservationField } from "../events/usage.ts";
import type { RecordHeaders } from "../kafka/ports.ts";

const keptSchema = z.object({
  /** The text of the header: parsed when somebody asks. */
  hops: z.string(),
  trace: traceField.optional(),
  reservation: reservationField.optional(),
  unknown_calls: z.number().optional(),
  /** The cache's entry that the answer was for. */
  fill: z.object({ entry_id: z.string(), store: z.boolean() }).optional(),
  key_id: z.string().optional(),
  traceparent: z.string().optional(),
});
type Kept = z.infer<typeof keptSchema>;

export type KeptTrail = Omit<Kept, "hops" | "trace"> & {
  readonly trail: Trail;
  readonly attempts: readonly AttemptNote[];
  /** Attempts that are not among them. */
  readonly attempts_left_out: number;
};

const TRACEPARENT_CHARS_MAX = 100;

/** @param headers of the outcome's record, its own place in its trail. */
export function keptTrailText(outcome: OutcomeHead, headers: RecordHeaders): string {
  const { trace, reservation, unknown_calls, fill } = outcome;
  const kept: Kept = {
    hops: headers[TRAIL_HEADER] ?? "",
    ...(trace === undefined ? {} : { trace }),
    ...(reservation === undefined ? {} : { reservation }),
    ...(unknown_calls === undefined ? {} : { unknown_calls }),
    ...(fill === undefined ? {} : { fill: { entry_id: fill.entry_id, store: fill.store } }),
    ...text("key_id", headers[KEY_HEADER]),
    ...text("traceparent", headers["traceparent"]),
  };
  return JSON.stringify(kept);
}

/** Anybody may write these headers on `llm.requests`: what is long is not theirs. */
function text(name: "key_id" | "traceparent", value: string | undefined): Partial<Kept> {
  return value === undefined || value.length > TRACEPARENT_CHARS_MAX ? {} : { [name]: value };
}

/** @returns undefined for a row of an earlier version, or what cannot be read. */
export function keptTrailOf(column: string | null): KeptTrail | undefined {
  const parsed = keptSchema.safeParse(column === null ? undefined : parseJson(Buffer.from(column)));
  if (!parsed.success) return undefined;
  const { hops, trace, ...rest } = parsed.data;
  return { ...rest, trail: trailOf(hops), attempts: trace?.attempts ?? [], attempts_left_out: trace?.left_out ?? 0 };
}
