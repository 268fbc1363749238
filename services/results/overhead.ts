/** How long a request took, and what of that was the pipeline's own. Pure. */
import type { OutcomeHead } from "../../libs/shared/events/flow.ts";

/** Milliseconds from when the request was received; undefined where nobody wrote that down. */
export function whole_ms({ timing }: Pick<OutcomeHead, "timing">, now_ms: number): number | undefined {
  return timing.received === undefined ? undefined : Math.max(0, now_ms - timing.received);
}

/**
 * The whole less the calls and what was waited for before each: for a limit, room, or another try. What is left is reading, deciding,
 * standing in topics and writing.
 * @param parked it lay on a topic until a time that was set for it: nothing of that is known here.
 * @returns undefined where it cannot be told: parked, answered by another one's call, or with calls that are not all named.
 */
export function overhead_ms(
  outcome: Pick<OutcomeHead, "timing" | "trace" | "route" | "unknown_calls">,
  now_ms: number,
  parked: boolean,
): number | undefined {
  const all_ms = whole_ms(outcome, now_ms);
  const { trace, route, unknown_calls = 0 } = outcome;
  if (all_ms === undefined || parked || route?.cache === "coalesced") return undefined;
  if (trace?.left_out !== undefined || unknown_calls > 0) return undefined;
  const elsewhere_ms = (trace?.attempts ?? []).reduce((sum, one) => sum + one.duration_ms + one.waited_ms, 0);
  return Math.max(0, all_ms - elsewhere_ms);
}
