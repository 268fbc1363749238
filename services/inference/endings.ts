/** How a job ends: the ending and the response that its answer, its failure, or an earlier tier's answer make. Pure. */
import { traceWith } from "../../libs/shared/events/attempts.ts";
import type { Usage } from "../../libs/shared/events/fields.ts";
import type { Draft, JobHead } from "../../libs/shared/events/flow.ts";
import type { Ending } from "../../libs/shared/events/outcomes.ts";
import type { Answer } from "../../libs/shared/redis/attempt-entry.ts";
import type { Concluded } from "./attempts.ts";
import type { Waits } from "./backend.ts";
import { sumOf } from "./hop-cost.ts";

/** What the ledger has counted for this hop. */
export type Counted = { readonly calls: number; readonly unknown: number };

export type Closing = {
  readonly counted: Counted;
  readonly completed_ms: number;
  /** Of the tier's prompt that the calls had; undefined for none. */
  readonly prompt_version: string | undefined;
};

/** Of the hop's own calls; its usage is that of all hops so far. */
export function answerOf(job: JobHead, ended: Concluded, closing: Closing): Answer {
  const { verdict, model, endpoint } = ended;
  const { prompt_version: _routed, ...routed } = job.route;
  const route = {
    ...routed,
    model,
    attempts: job.route.attempts + closing.counted.calls,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(closing.prompt_version === undefined ? {} : { prompt_version: closing.prompt_version }),
  };
  const timing = timingOf(job, ended, closing.completed_ms);
  const trace = traceWith(job.trace, ended.attempts);
  const traced = trace === undefined ? {} : { trace };
  if (verdict.kind === "succeeded") {
    const { complete, response } = verdict;
    const usage = sumOf(job.spent, verdict.usage);
    const kept = job.fill === undefined ? {} : { complete };
    return { ending: { status: "succeeded", route, usage, timing, ...kept, ...traced }, response };
  }
  const status = verdict.outcome === "cancelled" ? "cancelled" : verdict.outcome === "deadline" ? "expired" : "failed";
  const { retry_after_ms } = verdict;
  const error = retry_after_ms === undefined ? verdict.error : { ...verdict.error, retry_after_ms };
  const billed = billedOf(job, verdict.usage, closing.counted);
  return { ending: { status, route, error, timing, ...billed, ...traced }, response: undefined };
}

/** A job whose call's answer nobody will know. */
export function quarantinedOf(
  job: JobHead,
  error: NonNullable<Ending["error"]>,
  closing: Omit<Closing, "prompt_version">,
): Ending {
  const timing = { ...job.timing, completed: closing.completed_ms };
  const route = { ...job.route, attempts: job.route.attempts + closing.counted.calls };
  const traced = job.trace === undefined ? {} : { trace: job.trace };
  return { status: "failed", route, error, timing, ...billedOf(job, undefined, closing.counted), ...traced };
}

/** The draft is the answer after all: `failed` says how the tier that was to better it ended. */
export function draftStands(job: JobHead, draft: Draft, failed: Ending): Answer {
  const { unknown_calls, usage, timing, trace } = failed;
  const why = `${job.route.tier} ended ${failed.error?.code ?? failed.status}`;
  const ending: Ending = {
    status: "succeeded",
    route: routeOfDraft(job, draft, failed, { by: "escalation", detail: `${why}; the earlier answer stands` }),
    timing,
    ...(usage === undefined ? {} : { usage }),
    ...(unknown_calls === undefined ? {} : { unknown_calls }),
    ...(trace === undefined ? {} : { trace }),
    // What was not good enough once is not to be given again.
    ...(job.fill === undefined ? {} : { complete: false }),
  };
  return { ending, response: Buffer.from(draft.response) };
}

type Why = Pick<NonNullable<JobHead["route"]["decision"]>, "by" | "detail" | "score" | "threshold">;

/** The draft's route, with all calls made so far and why it is this one. */
export function routeOfDraft(job: JobHead, draft: Draft, ended: Ending, why: Why): JobHead["route"] {
  const own = draft.route ?? { ...job.route, tier: draft.tier, model: draft.model };
  const attempts = ended.route?.attempts ?? job.route.attempts;
  const reason = `${own.reason}; ${why.detail}`;
  return { ...own, attempts, reason, decision: decided(own.decision, why) };
}

/** A later decision in front of what was looked at for the first one. */
export function decided(before: JobHead["route"]["decision"], why: Why): NonNullable<JobHead["route"]["decision"]> {
  const { score: _score, threshold: _threshold, ...rest } = before ?? { by: why.by };
  return { ...rest, ...why };
}

function timingOf({ timing, draft }: JobHead, ended: Concluded, completed_ms: number): Ending["timing"] {
  const { dispatched_ms, first_token_ms, waited_ms } = ended;
  const waited = summed(timing.waited_ms, waited_ms);
  // Of several hops, the first one began it.
  const dispatched = draft === undefined ? dispatched_ms : (timing.dispatched ?? dispatched_ms);
  return {
    ...timing,
    ...(dispatched === undefined ? {} : { dispatched }),
    ...(first_token_ms === undefined ? {} : { first_token: first_token_ms }),
    completed: completed_ms,
    ...(Object.keys(waited).length === 0 ? {} : { waited_ms: waited }),
  };
}

function summed(before: Readonly<Record<string, number>> = {}, more: Waits): Record<string, number> {
  const sum: Record<string, number> = { ...before };
  for (const [reason, wait_ms] of Object.entries(more)) sum[reason] = (sum[reason] ?? 0) + wait_ms;
  return sum;
}

/**
 * What is known to be spent, by this hop and those before it; and calls that may be billed though nobody knows their answers: what
 * was held for them is not given back (I4), so results has to know of them.
 */
function billedOf(
  { spent }: JobHead,
  usage: Usage | undefined,
  { unknown }: Counted,
): Pick<Ending, "usage" | "unknown_calls"> {
  const known = usage === undefined ? spent : sumOf(spent, usage);
  return {
    ...(known === undefined ? {} : { usage: known }),
    ...(usage !== undefined || unknown === 0 ? {} : { unknown_calls: unknown }),
  };
}
