/** What a deferred request has waited for, and how long, by the trail that it brings. Pure. */
import { TRAIL_HEADER } from "../../libs/shared/events/headers.ts";
import { trailOf } from "../../libs/shared/events/trail.ts";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";

export type DeferredWait = {
  /** `budget`: money; `tenant_limit`: a rate, a quota or the number in flight. */
  readonly reason: "budget" | "tenant_limit";
  readonly waited_ms: number;
};

/** Reasons of refusals that are of money. */
const MONEY: ReadonlySet<string> = new Set(["budget", "velocity"]);

/** @returns undefined where its trail does not say that it was deferred. */
export function deferredWait(headers: RecordHeaders, now_ms: number): DeferredWait | undefined {
  const hop = trailOf(headers[TRAIL_HEADER]).hops.findLast(({ note }) => note?.startsWith("deferred:") === true);
  if (hop === undefined) return undefined;
  const why = hop.note?.split(":")[1] ?? "";
  const reason = MONEY.has(why) ? "budget" : "tenant_limit";
  return { reason, waited_ms: Math.max(0, now_ms - hop.read_ms) };
}
