/** Requests that are run once more for one that has failed. Pure. */
import { type ReplayMark, replayOf } from "../../libs/shared/events/replay.ts";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";
import type { Identity } from "./admission.ts";

/** As `sluice dlq redrive` makes them. The topics of replays, which are compared and judged by, have other ids. */
const REDRIVE_ID = /^redrive-/;

/**
 * What the request is run for. Anybody may write the header: it gives no more than the right to have one's own failed request of the same
 * tenant answered by this one, which is paid for as any other.
 */
export function redriveOf(headers: RecordHeaders, { id, has_own_id }: Identity): ReplayMark | undefined {
  const mark = replayOf(headers);
  if (mark?.mode !== "redrive" || !REDRIVE_ID.test(mark.id)) return undefined;
  if (mark.of === undefined || mark.of === id || !has_own_id) return undefined;
  return { id: mark.id, mode: mark.mode, of: mark.of };
}
