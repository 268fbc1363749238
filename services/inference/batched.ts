/**
 * A job of the batch lane by way of the provider's Batch API: half the price, within a day. What the provider does not answer there
 * is called directly instead.
 */
import { type BackoffPolicy, backoff_ms } from "../../libs/shared/backoff.ts";
import { type Clock, sleepUntil } from "../../libs/shared/clock.ts";
import type { PriceList } from "../../libs/shared/prices.ts";
import type { BatchPlace } from "../../libs/shared/redis/attempt-entry.ts";
import { attemptNote } from "./attempt-note.ts";
import type { AttemptsEnd, Work } from "./attempts.ts";
import { type BatchAnswer, type BatchMember, mayBeCharged } from "./batch-api/member.ts";
import { type CallBody, callBody, pathFor } from "./call.ts";
import type { Attempt } from "./ledger/ledger.ts";
import { PROVIDER_OUTCOMES } from "./provider-outcomes.ts";
import { NO_SHAPING, type Shaper } from "./shaping.ts";
import { isUnknown, judge } from "./verdict.ts";

export type BatchedDeps = {
  readonly submit: (member: BatchMember) => Promise<BatchAnswer>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly prices: PriceList;
  /** A job with less time left is not for a batch. */
  readonly margin_ms: number;
  readonly retry: BackoffPolicy;
  /** What calls have beside the request's own body; nothing where it is left out. */
  readonly shaper?: Shaper;
  /** Told how every job that went this way came back, for metrics. */
  readonly ended: (outcome: string) => void;
};

/** As long as a provider may take for a batch, and some. */
const BATCH_MS_MAX = 25 * 3_600_000;
const SUBMISSIONS_MAX = 3;
/** Among a request's attempts: which account had the batch is not told. */
const BATCH_API = "batch API";

/** Members in the runner's hands, with what the ledger knows of them. */
export class BatchedJobs {
  readonly #deps: BatchedDeps;
  readonly #attempts = new WeakMap<BatchMember, { readonly attempt: Attempt; readonly until_ms: number }>();

  constructor(deps: BatchedDeps) {
    this.#deps = deps;
  }

  /** The provider has them: after a crash they are found there again (I3). */
  async submitted(members: readonly BatchMember[], batch_id: string, custom_ids: readonly string[]): Promise<void> {
    await Promise.all(
      members.map(async (member, index) => {
        const held = this.#attempts.get(member);
        const custom_id = custom_ids[index];
        if (held !== undefined && custom_id !== undefined) {
          await held.attempt.dispatch(held.until_ms, { batch_id, custom_id });
        }
      }),
    );
  }

  /** @returns undefined when the job is to be called directly. */
  async run(work: Work, place: BatchPlace | undefined): Promise<AttemptsEnd | undefined> {
    const { clock } = this.#deps;
    const { job } = work;
    const now_ms = clock.now_ms();
    const left_ms = (job.deadline_ms ?? Number.POSITIVE_INFINITY) - now_ms;
    const body = callBody(job, job.route.model, work.request, (model, own) => {
      return this.#deps.shaper?.of(job, model, own) ?? NO_SHAPING;
    });
    if (place === undefined && (job.lane !== "batch" || left_ms < this.#deps.margin_ms || body.streamed))
      return undefined;
    const until_ms = Math.round(now_ms + Math.min(left_ms, BATCH_MS_MAX));
    for (let submission = 1; ; submission += 1) {
      if (place === undefined && !(await work.attempt.dispatch(until_ms))) return { kind: "fenced" };
      const answer = await this.#submit(work, body, until_ms, place);
      this.#deps.ended(answer.kind === "missing" ? answer.reason : answer.kind);
      if (answer.kind === "answered") return this.#judged(work, body, answer, now_ms);
      if (!(await work.attempt.failed(mayBeCharged(answer)))) return { kind: "fenced" };
      if (work.cancelled.aborted) return undefined;
      const again = answer.kind === "failed_to_submit" && answer.retryable && submission < SUBMISSIONS_MAX;
      if (!again) return undefined;
      const wait_ms = Math.max(
        backoff_ms(this.#deps.retry, submission, this.#deps.random()),
        Math.min(answer.retry_after_ms ?? 0, this.#deps.retry.cap_ms),
      );
      await sleepUntil(clock, wait_ms, [work.stopping, work.cancelled]);
      if (work.stopping.aborted) return { kind: "stopping" };
    }
  }

  #submit(work: Work, body: CallBody, until_ms: number, place: BatchPlace | undefined): Promise<BatchAnswer> {
    const { job, attempt, cancelled } = work;
    const member: BatchMember = {
      source: JSON.stringify([job.tenant, job.id, ...(job.hop ? [job.hop] : [])]),
      path: pathFor(job.kind),
      model: job.route.model,
      body: body.bytes,
      until_ms,
      signal: cancelled,
      ...(place === undefined ? {} : { resume: place }),
    };
    this.#attempts.set(member, { attempt, until_ms });
    return this.#deps.submit(member);
  }

  /** @returns undefined for a failure that may pass: the direct call is the next attempt. */
  async #judged(
    { job, attempt }: Work,
    body: CallBody,
    { status, body: bytes }: Extract<BatchAnswer, { kind: "answered" }>,
    dispatched_ms: number,
  ): Promise<AttemptsEnd | undefined> {
    const { model } = job.route;
    const pricing = { prices: this.#deps.prices, model, batched: true };
    const verdict = judge(job.kind, { kind: "answered", status, body: bytes }, body, pricing);
    if (verdict.kind === "failed" && (PROVIDER_OUTCOMES[verdict.outcome].remedy !== "fail" || body.adds_logprobs)) {
      return (await attempt.failed(isUnknown(verdict))) ? undefined : { kind: "fenced" };
    }
    const call = { tier: job.route.tier, model, endpoint: BATCH_API, dispatched_ms, since_ms: dispatched_ms };
    const attempts = [attemptNote({ ...call, now_ms: this.#deps.clock.now_ms() }, verdict)];
    return { kind: "judged", verdict, model, waited_ms: {}, dispatched_ms, attempts };
  }
}
