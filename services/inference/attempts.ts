/** One job's attempts within the process: called until it succeeds, the failure is final, or attempts or time run out. */
import { type BackoffPolicy, backoff_ms } from "../../libs/shared/backoff.ts";
import { type Clock, sleepUntil } from "../../libs/shared/clock.ts";
import type { AttemptNote } from "../../libs/shared/events/attempts.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import type { RecordHeaders, TopicPartition } from "../../libs/shared/kafka/ports.ts";
import { attemptNote } from "./attempt-note.ts";
import type { WaitReason, Waits } from "./backend.ts";
import { callBody } from "./call.ts";
import type { Attempt } from "./ledger/ledger.ts";
import { failure, PROVIDER_OUTCOMES, type ProviderFailure } from "./provider-outcomes.ts";
import type { Outgoing, Sending } from "./sending.ts";
import { NO_SHAPING, type Shaper } from "./shaping.ts";
import type { JobTokens } from "./streaming/job-tokens.ts";
import { isUnknown, type Verdict } from "./verdict.ts";

export type AttemptsDeps = {
  readonly clock: Clock;
  readonly random: () => number;
  /** Sends one request, alone or together with others. */
  readonly send: (outgoing: Outgoing) => Promise<Sending>;
  /** The tier's models: the routed one first, then those that stand in for it. */
  readonly models: readonly string[];
  /** There is another key or endpoint to try when a key is refused. */
  readonly has_other_keys: boolean;
  readonly attempts_max: number;
  readonly retry: BackoffPolicy;
  readonly timeout_ms: number;
  readonly on_unknown: "retry" | "quarantine";
  /** What calls have beside the request's own body; nothing where it is left out. */
  readonly shaper?: Shaper;
};

export type Work = {
  readonly job: JobHead;
  readonly request: Buffer;
  readonly attempt: Attempt;
  readonly source: TopicPartition;
  readonly stopping: AbortSignal;
  readonly cancelled: AbortSignal;
  readonly tokens: JobTokens;
  /** Headers of the job's record: the trace that its calls are in. */
  readonly trace?: RecordHeaders;
};

export type Concluded = {
  readonly kind: "judged";
  readonly verdict: Verdict;
  readonly model: string;
  readonly endpoint?: string;
  readonly waited_ms: Waits;
  readonly dispatched_ms?: number;
  readonly first_token_ms?: number;
  /** The calls, and what was given up unsent, in order. */
  readonly attempts?: readonly AttemptNote[];
};

/** `fenced`: another run has the job. `stopping`: the service ends; the job is delivered again. */
export type AttemptsEnd = Concluded | { readonly kind: "fenced" } | { readonly kind: "stopping" };

/** The longest single wait for a permit; what waits for a limit then asks again, what waits for a breaker has failed once. */
const PERMIT_WAIT_MS = 60_000;
const FULL_PAUSE_MS = 1_000;

/** Limits and full endpoints are no failure of the request: it goes on waiting, until its deadline. */
const PATIENT: ReadonlySet<WaitReason> = new Set(["limit", "concurrency", "budget", "batch"]);

export async function runAttempts(deps: AttemptsDeps, work: Work): Promise<AttemptsEnd> {
  const state = new AttemptsState(deps, work);
  for (;;) {
    const early = state.endsBefore();
    if (early !== undefined) return state.concluded(early);
    const outgoing = state.outgoing();
    const { sent, waited_ms } = await deps.send(outgoing);
    state.waited(waited_ms);
    if (sent.kind === "fenced") return sent;
    if (sent.kind === "refused") {
      if (work.stopping.aborted) return { kind: "stopping" };
      if (work.cancelled.aborted) continue;
      if (PATIENT.has(sent.reason)) {
        if (!(await work.attempt.keep())) return { kind: "fenced" };
        // Refused before its time: a line is full. Asked again at once, it would be full again.
        const left_ms = outgoing.until_ms - deps.clock.now_ms();
        if (left_ms > 0) {
          await sleepUntil(deps.clock, Math.min(FULL_PAUSE_MS, left_ms), [work.stopping, work.cancelled]);
        }
        continue;
      }
    }
    const verdict = sent.kind === "judged" ? state.judged(sent) : unavailable(sent.reason);
    state.note(verdict, outgoing.model, sent);
    if (verdict.kind === "succeeded") {
      state.succeeded();
      return state.concluded(verdict);
    }
    const unknown = isUnknown(verdict);
    const pause_ms = state.pauseAfter(verdict);
    // Between two calls nothing is under way: a crash then leaves no unknown answer.
    if ((pause_ms !== undefined || unknown) && sent.kind === "judged" && !(await work.attempt.failed(unknown))) {
      return { kind: "fenced" };
    }
    if (pause_ms === undefined) return state.concluded(verdict);
    const paused_ms = deps.clock.now_ms();
    await sleepUntil(deps.clock, state.withinDeadline(pause_ms), [work.stopping, work.cancelled]);
    // Only what the provider asked for is a wait for its limit: a back-off is our own.
    if (verdict.retry_after_ms) state.waited({ limit: deps.clock.now_ms() - paused_ms });
    if (work.stopping.aborted) return { kind: "stopping" };
  }
}

/** What one job's attempts have come to. */
class AttemptsState {
  readonly #deps: AttemptsDeps;
  readonly #work: Work;
  readonly #avoid = new Set<string>();
  readonly #waited_ms: Waits = {};
  #model = 0;
  #attempts = 0;
  /** The model of a call that was refused with log-probabilities that the caller did not ask for: asked again without. */
  #plain: string | undefined;
  #adds_logprobs = false;
  #last: Pick<Concluded, "endpoint" | "dispatched_ms" | "first_token_ms"> = {};
  readonly #notes: AttemptNote[] = [];
  /** When the job was taken up, or the last call ended. */
  #since_ms: number;

  constructor(deps: AttemptsDeps, work: Work) {
    this.#deps = deps;
    this.#work = work;
    this.#since_ms = deps.clock.now_ms();
  }

  /** Cancelled, or the deadline has passed. */
  endsBefore(): Verdict | undefined {
    const { job, cancelled } = this.#work;
    if (cancelled.aborted) return { kind: "failed", ...failure("cancelled", "the request was cancelled") };
    if (job.deadline_ms === undefined || this.#deps.clock.now_ms() < job.deadline_ms) return undefined;
    return { kind: "failed", ...expired(this.#attempts === 0) };
  }

  outgoing(): Outgoing {
    const { job, request, attempt, source, stopping, cancelled, tokens, trace } = this.#work;
    const model = this.#deps.models[this.#model] ?? job.route.model;
    const now_ms = this.#deps.clock.now_ms();
    const left_ms = (job.deadline_ms ?? Number.POSITIVE_INFINITY) - now_ms;
    const body = callBody(job, model, request, (name, own) => {
      const shaping = this.#deps.shaper?.of(job, name, own) ?? NO_SHAPING;
      return name === this.#plain ? { ...shaping, logprobs: false } : shaping;
    });
    this.#adds_logprobs = body.adds_logprobs;
    return {
      job,
      attempt,
      model,
      body,
      source,
      until_ms: now_ms + Math.min(PERMIT_WAIT_MS, left_ms),
      timeout_ms: this.#deps.timeout_ms,
      waiting: stopping,
      cancelled,
      avoid: this.#avoid,
      tokens,
      ...(trace === undefined ? {} : { trace }),
    };
  }

  /** The wait, or what is left until the deadline: then the job ends, however long the provider wants to be left alone. */
  withinDeadline(wait_ms: number): number {
    const { deadline_ms = Number.POSITIVE_INFINITY } = this.#work.job;
    return Math.max(0, Math.min(wait_ms, deadline_ms - this.#deps.clock.now_ms()));
  }

  waited(waited_ms: Waits): void {
    for (const [reason, ms] of Object.entries(waited_ms) as [WaitReason, number][]) {
      this.#waited_ms[reason] = (this.#waited_ms[reason] ?? 0) + ms;
    }
  }

  judged(sent: Extract<Sending["sent"], { kind: "judged" }>): Verdict {
    const { endpoint, dispatched_ms, first_token_ms } = sent;
    const first = this.#last.dispatched_ms ?? dispatched_ms;
    this.#last = { endpoint, dispatched_ms: first, ...(first_token_ms === undefined ? {} : { first_token_ms }) };
    return sent.verdict;
  }

  /** Of a call that has ended, or of one that could not be sent. The settings bound how many there are. */
  note(verdict: Verdict, model: string, sent: Exclude<Sending["sent"], { kind: "fenced" }>): void {
    const now_ms = this.#deps.clock.now_ms();
    const call = sent.kind === "judged" ? { endpoint: sent.endpoint, dispatched_ms: sent.dispatched_ms } : {};
    this.#notes.push(
      attemptNote({ tier: this.#work.job.route.tier, model, ...call, since_ms: this.#since_ms, now_ms }, verdict),
    );
    this.#since_ms = now_ms;
  }

  /** How long to wait before the next attempt; undefined when there is none. */
  pauseAfter(failed: Extract<Verdict, { kind: "failed" }>): number | undefined {
    const { attempts_max, on_unknown, models, has_other_keys, retry, random } = this.#deps;
    const { remedy } = PROVIDER_OUTCOMES[failed.outcome];
    if (failed.outcome === "other status" && this.#adds_logprobs) {
      this.#plain = models[this.#model] ?? this.#work.job.route.model;
      return 0;
    }
    this.#attempts += 1;
    if (remedy === "fail" || this.#attempts >= attempts_max) return undefined;
    if (isUnknown(failed) && on_unknown === "quarantine") return undefined;
    if (remedy === "next_model") {
      this.#model += 1;
      return this.#model < models.length ? 0 : undefined;
    }
    if (remedy === "next_key") return has_other_keys ? 0 : undefined;
    if (this.#last.endpoint !== undefined) this.#avoid.add(this.#last.endpoint);
    const backoff = backoff_ms(retry, this.#attempts - 1, random());
    // A provider that says when to come back is believed, up to the longest wait that the settings allow.
    return Math.max(backoff, Math.min(failed.retry_after_ms ?? 0, retry.cap_ms));
  }

  succeeded(): void {
    if (this.#plain !== undefined) this.#deps.shaper?.refusesLogprobs(this.#plain);
  }

  concluded(verdict: Verdict): Concluded {
    const model = this.#deps.models[Math.min(this.#model, this.#deps.models.length - 1)] ?? this.#work.job.route.model;
    return { kind: "judged", verdict, model, waited_ms: this.#waited_ms, ...this.#last, attempts: this.#notes };
  }
}

function unavailable(reason: WaitReason): Verdict {
  return { kind: "failed", ...failure("no endpoint", `no endpoint could take the call in time (${reason})`) };
}

function expired(unsent: boolean): ProviderFailure {
  const message = unsent
    ? "the deadline passed before the model was called"
    : "the deadline passed between two attempts";
  const error = { code: "deadline_exceeded", type: "timeout_error", message, param: "deadline" };
  return { outcome: "deadline", error };
}
