/** A call as it is kept for `explain`. Pure. */
import type { AttemptNote } from "../../libs/shared/events/attempts.ts";
import type { Verdict } from "./verdict.ts";

export type CallEnded = {
  readonly tier: string;
  readonly model: string;
  readonly endpoint?: string;
  /** Left out: it was not sent. */
  readonly dispatched_ms?: number;
  /** When the job was taken up, or the call before ended. */
  readonly since_ms: number;
  readonly now_ms: number;
};

export function attemptNote(call: CallEnded, verdict: Verdict): AttemptNote {
  const { tier, model, endpoint, since_ms, now_ms, dispatched_ms = now_ms } = call;
  const status = verdict.kind === "failed" ? verdict.status : undefined;
  return {
    tier,
    model,
    ...(endpoint === undefined ? {} : { endpoint }),
    at_ms: Math.round(dispatched_ms),
    duration_ms: Math.round(now_ms - dispatched_ms),
    outcome: verdict.kind === "succeeded" ? "ok" : verdict.error.code,
    ...(status === undefined ? {} : { status }),
    waited_ms: Math.max(0, Math.round(dispatched_ms - since_ms)),
    ...(verdict.usage === undefined ? {} : { cost_usd: verdict.usage.cost_usd }),
  };
}
