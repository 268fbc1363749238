/** What an answer meant for the tiers that a request may climb, in a word, for metrics. Pure. */
import type { JobHead } from "../../libs/shared/events/flow.ts";
import type { Answer } from "../../libs/shared/redis/attempt-entry.ts";

/**
 * - `refusal`, `cut_off`, `invalid_output`, `low_confidence`: the answer went to the next tier, for that.
 * - `draft`: it went before the next tier's judge; there it was `accepted`, `rejected` or `unclear`.
 * - `bettered`: the answer of a tier that was asked after another one.
 * - `stood`: that tier failed, or there was no money for it, and the earlier answer is the Result.
 * @returns undefined for a request that one tier has answered.
 */
export function hopEnd(job: Pick<JobHead, "draft" | "route">, { ending, onward }: Answer): string | undefined {
  const detail = (onward?.route ?? ending.route)?.decision?.detail ?? "";
  if (onward !== undefined) return firstWord(detail);
  const { draft, route } = job;
  if (draft === undefined || ending.status !== "succeeded") return undefined;
  if (ending.route?.tier === route.tier) return "bettered";
  return firstWord(detail) === "accepted" ? "accepted" : "stood";
}

/** Details begin with it: `low_confidence: mean…`, `rejected by large`. */
function firstWord(detail: string): string {
  return /^[a-z_]+/.exec(detail)?.[0] ?? "";
}
