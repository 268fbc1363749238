/**
 * What became of a request's calls, for `explain`: with the job over hops, in a header over rounds by a retry topic, with the outcome
 * at the end. Nothing of the question or of an answer is in it. Pure.
 */
import { z } from "zod";
import type { OutRecord, RecordHeaders } from "../kafka/ports.ts";
import { ATTEMPTS_HEADER } from "./headers.ts";
import { parseJson } from "./json.ts";

/** Of more, the first and the last ones are kept. */
export const ATTEMPTS_MAX = 8;
const FIRST_KEPT = 3;

export const attemptField = z.object({
  tier: z.string(),
  model: z.string(),
  endpoint: z.string().optional(),
  /** When it was sent (or given up unsent), epoch ms. */
  at_ms: z.number(),
  duration_ms: z.number(),
  /** `ok`, or the code of its failure (docs/errors.md). */
  outcome: z.string(),
  /** HTTP, where there was an answer that was no 200. */
  status: z.number().optional(),
  /** Since the job was taken up, or since the call before: for a limit, for room, between two tries. */
  waited_ms: z.number(),
  /** Of an answer that was charged. */
  cost_usd: z.number().optional(),
});
export type AttemptNote = z.infer<typeof attemptField>;

export const traceField = z.object({
  attempts: z.array(attemptField),
  /** Attempts that gave way in the middle. */
  left_out: z.number().optional(),
});
export type Trace = z.infer<typeof traceField>;

/** @returns undefined where there is nothing to tell. */
export function traceWith(before: Trace | undefined, more: readonly AttemptNote[] = []): Trace | undefined {
  if (more.length === 0) return before;
  const all = [...(before?.attempts ?? []), ...more];
  const over = all.length - ATTEMPTS_MAX;
  const left_out = (before?.left_out ?? 0) + Math.max(0, over);
  const attempts = over <= 0 ? all : [...all.slice(0, FIRST_KEPT), ...all.slice(FIRST_KEPT + over)];
  return left_out === 0 ? { attempts } : { attempts, left_out };
}

/** A longer header is not written: names of endpoints and models are the settings' own, and short. */
const HEADER_BYTES_MAX = 4_096;

/** The record that goes back by a retry topic, with what its calls have come to so far. */
export function withAttempts(record: OutRecord, trace: Trace | undefined): OutRecord {
  const text = trace === undefined ? "" : JSON.stringify(trace);
  if (text === "" || text.length > HEADER_BYTES_MAX) return record;
  return { ...record, headers: { ...record.headers, [ATTEMPTS_HEADER]: text } };
}

/** Of earlier rounds; undefined where there were none, or for a text that nobody here wrote. */
export function attemptsOf(headers: RecordHeaders): Trace | undefined {
  const text = headers[ATTEMPTS_HEADER];
  if (text === undefined || text.length > HEADER_BYTES_MAX) return undefined;
  const parsed = traceField.safeParse(parseJson(Buffer.from(text)));
  return parsed.success && parsed.data.attempts.length <= ATTEMPTS_MAX ? parsed.data : undefined;
}
