/**
 * One call: a permit, a line in the ledger, the call itself, and what its end means. Nothing is sent that the ledger has not
 * written down (I3), and no permit is kept.
 */
import type { Clock } from "../../libs/shared/clock.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import type { RecordHeaders, TopicPartition } from "../../libs/shared/kafka/ports.ts";
import type { PriceList } from "../../libs/shared/prices.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";
import type { Backend, CallReport, Permit, WaitReason, Waits } from "./backend.ts";
import { type CallBody, pathFor } from "./call.ts";
import { callSpan } from "./call-spans.ts";
import type { Attempt } from "./ledger/ledger.ts";
import type { ModelAnswer } from "./model-client.ts";
import { PROVIDER_OUTCOMES } from "./provider-outcomes.ts";
import type { JobTokens } from "./streaming/job-tokens.ts";
import { streamCall } from "./streaming/stream-call.ts";
import type { Pricing } from "./usage.ts";
import { judge, type Sizes, settledByReceived, type Verdict } from "./verdict.ts";

/** One request that wants to be sent. */
export type Outgoing = {
  readonly job: JobHead;
  readonly attempt: Attempt;
  readonly model: string;
  readonly body: CallBody;
  readonly source: TopicPartition;
  /** Epoch ms until which a permit is waited for. */
  readonly until_ms: number;
  /** Of the call; less where the deadline leaves less. */
  readonly timeout_ms: number;
  /** Ends the wait for a permit. */
  readonly waiting: AbortSignal;
  /** Ends the call too: nobody wants its answer any more. */
  readonly cancelled: AbortSignal;
  /** Endpoints that failed this request before. */
  readonly avoid: ReadonlySet<string>;
  readonly tokens: JobTokens;
  /** Headers that name the trace it is in. */
  readonly trace?: RecordHeaders;
};

export type Sent =
  | {
      readonly kind: "judged";
      readonly verdict: Verdict;
      readonly endpoint: string;
      readonly dispatched_ms: number;
      readonly first_token_ms?: number;
    }
  | { readonly kind: "refused"; readonly reason: WaitReason }
  /** Another run has taken the job. */
  | { readonly kind: "fenced" };

export type Sending = { readonly sent: Sent; readonly waited_ms: Waits };

export type SendingDeps = {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly prices: PriceList;
  readonly response_bytes_max: number;
  /** How long a stream that has begun may say nothing. */
  readonly idle_ms: number;
  /** Told of every call made, for metrics. */
  readonly called: (call: CallMade) => void;
  /** Left out: there are no traces. */
  readonly tracing?: Tracing;
};

/** A call that was sent, for the metrics. */
export type CallMade = {
  readonly kind: JobHead["kind"];
  readonly model: string;
  readonly endpoint: string;
  /** `succeeded`, or the code of its failure. */
  readonly outcome: string;
  readonly end: CallReport["end"];
  readonly latency_ms: number;
  /** Of a stream: from when it was sent until its first token came. */
  readonly first_token_ms?: number;
  /** As the provider counted them; undefined where it did not. */
  readonly tokens?: { readonly input: number; readonly output: number };
  /** The prompt's, as estimated before the call and as the provider counted them; undefined where it did not. */
  readonly prompt_tokens?: { readonly estimated: number; readonly given: number };
};

/** Sends one request by itself. */
export async function sendSingly(deps: SendingDeps, outgoing: Outgoing): Promise<Sending> {
  const permit = await deps.backend.permit(needsOf([outgoing]));
  const { waited_ms } = permit;
  if (permit.kind === "refused") return { sent: { kind: "refused", reason: permit.reason }, waited_ms };
  const sent = await withPermit(permit, async (): Promise<{ sent: Sent; report: CallReport | undefined }> => {
    const now_ms = deps.clock.now_ms();
    if (!(await outgoing.attempt.dispatch(now_ms + timeoutOf_ms(outgoing, now_ms)))) {
      return { sent: { kind: "fenced" }, report: undefined };
    }
    if (outgoing.cancelled.aborted) return { sent: await unsent(outgoing), report: undefined };
    const dispatched_ms = deps.clock.now_ms();
    const span = callSpan(deps.tracing, [outgoing], permit.endpoint);
    const { verdict, answer, first_token_ms } = await callOnce(deps, permit, outgoing, dispatched_ms, span?.headers);
    span?.end({ verdict, answer, first_token_ms });
    const first = first_token_ms === undefined ? {} : { first_token_ms };
    const of = { outgoing, endpoint: permit.endpoint, sizes: outgoing.body };
    const report = reportOf(deps, { verdict, answer, dispatched_ms, ...of, ...first });
    return { sent: { kind: "judged", verdict, endpoint: permit.endpoint, dispatched_ms, ...first }, report };
  });
  return { sent, waited_ms };
}

/** Cancelled while the ledger was written: nothing goes out, so nothing can be billed. */
async function unsent({ attempt }: Outgoing): Promise<Sent> {
  return (await attempt.failed(false)) ? { kind: "refused", reason: "ledger" } : { kind: "fenced" };
}

/** Counted from when it is sent: what was waited for before is not the model's time. */
export function timeoutOf_ms({ job, timeout_ms }: Outgoing, now_ms: number): number {
  const left_ms = (job.deadline_ms ?? Number.POSITIVE_INFINITY) - now_ms;
  return Math.max(1, Math.min(timeout_ms, left_ms));
}

export function needsOf(members: readonly Outgoing[]): Parameters<Backend["permit"]>[0] {
  const first = members[0] as Outgoing;
  return {
    requests: 1,
    tokens: members.reduce((sum, { body }) => sum + body.tokens, 0),
    source: first.source,
    until_ms: Math.min(...members.map(({ until_ms }) => until_ms)),
    // A batch goes out for those that still want it: one member's cancellation does not end the others' wait.
    signal: members.length === 1 ? AbortSignal.any([first.waiting, first.cancelled]) : first.waiting,
    avoid: new Set(members.flatMap(({ avoid }) => [...avoid])),
  };
}

/** Runs `work` under the permit and ends the permit with its report, also when it throws. */
export async function withPermit<T>(
  permit: Permit,
  work: () => Promise<{ readonly sent: T; readonly report: CallReport | undefined }>,
): Promise<T> {
  let report: CallReport | undefined;
  try {
    const done = await work();
    report = done.report;
    return done.sent;
  } finally {
    permit.end(report);
  }
}

export type Ended = {
  readonly verdict: Verdict;
  readonly answer: ModelAnswer;
  readonly dispatched_ms: number;
  readonly first_token_ms?: number;
  /** The request that was sent, or one of those sent together. */
  readonly outgoing: Pick<Outgoing, "job" | "model">;
  readonly endpoint: string;
  /** As estimated before the call. */
  readonly sizes: Sizes;
};

/** Tells the metrics of a call that ended, and makes what its endpoint is told. */
export function reportOf(deps: SendingDeps, ended: Ended): CallReport {
  const { verdict, answer, dispatched_ms, first_token_ms, outgoing, endpoint, sizes } = ended;
  const latency_ms = deps.clock.now_ms() - dispatched_ms;
  const { usage } = verdict;
  const given = usage === undefined || usage.estimated ? undefined : usage;
  const end = verdict.kind === "succeeded" ? "answered" : PROVIDER_OUTCOMES[verdict.outcome].end;
  deps.called({
    ...{ kind: outgoing.job.kind, model: outgoing.model, endpoint },
    outcome: verdict.kind === "succeeded" ? "succeeded" : verdict.error.code,
    ...{ end, latency_ms },
    ...(first_token_ms === undefined ? {} : { first_token_ms: first_token_ms - dispatched_ms }),
    ...(given === undefined ? {} : { tokens: { input: given.prompt_tokens, output: given.completion_tokens } }),
    ...(given === undefined ? {} : { prompt_tokens: { estimated: sizes.prompt_tokens, given: given.prompt_tokens } }),
  });
  const retry_after_ms = verdict.kind === "failed" ? verdict.retry_after_ms : undefined;
  const limits = answer.kind === "answered" ? answer.limits : undefined;
  return {
    end,
    latency_ms,
    ...(usage === undefined ? {} : { tokens: usage.prompt_tokens + usage.completion_tokens }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    ...(limits === undefined ? {} : { limits }),
  };
}

async function callOnce(
  deps: SendingDeps,
  permit: Permit,
  outgoing: Outgoing,
  now_ms: number,
  trace: RecordHeaders | undefined,
): Promise<{ verdict: Verdict; answer: ModelAnswer; first_token_ms?: number }> {
  const { job, body, model, cancelled, attempt } = outgoing;
  const timeout_ms = timeoutOf_ms(outgoing, now_ms);
  const pricing: Pricing = { prices: deps.prices, model, batched: false };
  const of_trace = trace === undefined ? {} : { trace };
  const call = { path: pathFor(job.kind), body: body.bytes, timeout_ms, id: job.id, signal: cancelled, ...of_trace };
  if (!body.streamed) {
    const answer = await permit.client.call(call);
    return { verdict: judge(job.kind, answer, body, pricing), answer };
  }
  const tokens = outgoing.tokens.begin(attempt.calls, model, permit.endpoint);
  const { response_bytes_max, idle_ms } = deps;
  const options = { ...call, choices: body.choices, response_bytes_max, idle_ms };
  const streamed = await streamCall(permit.client, options, tokens, deps.clock);
  const verdict = judge(job.kind, streamed.answer, body, pricing);
  const settled = settledByReceived(verdict, streamed.received, body, pricing);
  const first = streamed.first_token_ms === undefined ? {} : { first_token_ms: streamed.first_token_ms };
  return { verdict: settled, answer: streamed.answer, ...first };
}
