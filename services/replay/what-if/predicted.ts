/** The Result that a request would have had, as the replay writes it. Pure. */
import type { AdmittedHead, ResultHead } from "../../../libs/shared/events/flow.ts";
import type { Ending } from "../../../libs/shared/events/outcomes.ts";
import type { CacheHit } from "../../router/cache/contract.ts";
import type { Fate, Recorded, Replayed } from "../contract.ts";
import type { Known } from "./known.ts";

/** Whose Result it is. */
export type Subject = Pick<AdmittedHead, "id" | "tenant" | "content_hash" | "metadata" | "reservation">;

export type PredictedEnd = {
  readonly ending: Ending;
  readonly response?: Buffer;
  /** By the cache. */
  readonly hit?: CacheHit;
  readonly estimated?: boolean;
};

/** The replay's own, on each of its Results. */
export type ReplayMarking = NonNullable<ResultHead["replay"]>;

/** With its latency, from arrival to end. Nothing is called, and nothing spent (I7). */
export function toReplayed(
  recorded: Recorded,
  known: Known | undefined,
  { id, tenant, metadata }: Subject,
  end: PredictedEnd,
  mark: ReplayMarking,
): Replayed & { readonly latency_ms: number | undefined } {
  const { complete: _complete, unknown_calls: _unknown, trace: _trace, ...ending } = end.ending;
  const head: ResultHead = {
    id,
    tenant,
    ...ending,
    ...(metadata === undefined ? {} : { metadata }),
    replay: mark,
  };
  const response = end.ending.status === "succeeded" ? responseOf(known, end) : undefined;
  const { completed } = ending.timing;
  return {
    recorded,
    fate: fateOf(end, response),
    result: { head, ...(response === undefined ? {} : { response }) },
    calls: 0,
    cost_nusd: 0,
    latency_ms: completed === undefined ? undefined : completed - recorded.received_ms,
  };
}

/** The entry's answer; where its bytes are kept no more, what the request was answered with then. */
function responseOf(known: Known | undefined, { hit, response }: PredictedEnd): Buffer | undefined {
  if (hit === undefined) return response;
  return hit.answer.response.length > 0 ? hit.answer.response : known?.response;
}

function fateOf({ ending, hit }: PredictedEnd, response: Buffer | undefined): Fate {
  if (hit !== undefined) return "cached";
  if (ending.route === undefined) return "refused";
  return ending.status === "succeeded" && response === undefined ? "without_record" : "reused";
}
