/**
 * What marks a record as one of a replay (I7): the field of events and Results, and the header that puts it there. A replay's Results
 * are on a topic of its own, never on `llm.results`.
 */
import { z } from "zod";
import type { RecordHeaders } from "../kafka/ports.ts";
import { idField } from "./fields.ts";
import { REPLAY_HEADER } from "./headers.ts";
import { parseJson } from "./json.ts";

/**
 * - `reuse`, `recompute`, `shadow`, `what-if`: recorded requests, run again by whoever replays (`services/replay`).
 * - `stage`: a service's own input, sent through it again.
 * - `redrive`: a dead letter's request, run again as a request of its own.
 */
const REPLAY_MODES = ["reuse", "recompute", "shadow", "what-if", "stage", "redrive"] as const;

export const replayField = z.object({
  /** The replay's. */
  id: idField,
  mode: z.enum(REPLAY_MODES),
  /** The original request's id, where the run has another one. */
  of: idField.optional(),
});
export type ReplayMark = z.infer<typeof replayField>;

/** On a record that a replay sends; `place` is `<topic> <partition> <offset>` of the record that is sent again. */
export const replayHeader = replayField.extend({ place: z.string().max(300).optional() });
export type ReplayHeader = z.infer<typeof replayHeader>;

export function replayHeaderText(header: ReplayHeader): string {
  return JSON.stringify(header);
}

/** @returns undefined where there is none, or one that nobody here wrote. */
export function replayOf(headers: RecordHeaders): ReplayHeader | undefined {
  const text = headers[REPLAY_HEADER];
  if (text === undefined) return undefined;
  const parsed = replayHeader.safeParse(parseJson(Buffer.from(text)));
  return parsed.success ? parsed.data : undefined;
}
