/**
 * Inference: one job in, one outcome out (or the request, back by a retry topic). Called for one record at a time, many in flight,
 * in order per key. The ledger says whether there is anything left to do (`ledger/`), `attempts.ts` calls until there is an
 * answer, and what follows is published before the record counts as done (I2).
 */
import { type Clock, sleepUntil } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { attemptsOf, withAttempts } from "../../libs/shared/events/attempts.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../libs/shared/events/dead-letters.ts";
import { type JobHead, jobHead } from "../../libs/shared/events/flow.ts";
import { readHop } from "../../libs/shared/events/hop.ts";
import { type Ending, outcomeRecord } from "../../libs/shared/events/outcomes.ts";
import { roundOf, withUnknownCalls } from "../../libs/shared/events/redelivery.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { passed } from "../../libs/shared/events/trail.ts";
import type { Handler, HandlerContext } from "../../libs/shared/kafka/handler.ts";
import type { InRecord, OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
import { nusd } from "../../libs/shared/money.ts";
import type { Answer, BatchPlace } from "../../libs/shared/redis/attempt-entry.ts";
import { isFollowed, type RequestState, type Tell } from "../../libs/shared/redis/request-events.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";
import type { AfterFailure, Failed } from "./after-failure.ts";
import type { AttemptsEnd, Concluded, Work } from "./attempts.ts";
import type { Waits } from "./backend.ts";
import type { DeadLetterGuard } from "./dead-letter-guard.ts";
import { answerOf, draftStands, quarantinedOf } from "./endings.ts";
import { hopEnd } from "./hop-end.ts";
import type { Attempt, AttemptLedger, Opened } from "./ledger/ledger.ts";
import { nextJobRecord } from "./next-job.ts";
import { afterAnswer, afterFailedHop } from "./onward.ts";
import { type HopSettings, promptOf } from "./shaping.ts";
import type { JobTokens } from "./streaming/job-tokens.ts";

/** What became of a job, for metrics. */
export type JobEnd =
  | "published"
  | "republished"
  | "repeated"
  | "redelivered"
  | "fenced"
  | "dead_letter"
  /** Another tier has it now, or judges it. */
  | "passed_on";

export type InferenceDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  readonly ledger: AttemptLedger;
  readonly settings: HopSettings;
  /** Calls the model until there is an end; with `batch`, goes on waiting for what a provider's batch has. */
  readonly attempt: (work: Work, batch: BatchPlace | undefined) => Promise<AttemptsEnd>;
  /** The request's stream of tokens. */
  readonly tokens: (job: JobHead) => JobTokens;
  /** Aborted when the request is cancelled; released when nobody asks any more. */
  readonly cancellation: (tenant: string, id: string) => { readonly signal: AbortSignal; release(): void };
  readonly afterFailure: (
    record: InRecord,
    job: JobHead,
    request: Buffer,
    failed: Failed,
    now_ms: number,
  ) => AfterFailure;
  readonly guard: DeadLetterGuard;
  /** What other tiers are asked of the same, beside a good answer. */
  readonly shadows?: (job: Job, ending: Ending) => readonly OutRecord[];
  /** Told of answers that go to another tier, or come from one, as `hopEnd` says. */
  readonly hopped?: (end: string) => void;
  /** Of requests that somebody may follow. Left out: nobody is told. */
  readonly tell?: Tell;
  /** Whose spans are told what became of their jobs. */
  readonly tracing?: Tracing;
  /** Told of every job's end and of what it waited for. */
  readonly ended: (end: JobEnd, waited_ms: Waits) => void;
};

type Job = { readonly record: InRecord; readonly job: JobHead; readonly request: Buffer };

/** What a job caused, and what the ledger is told once it is published. */
type Consequence = {
  readonly end: JobEnd;
  readonly records: readonly OutRecord[];
  readonly waited_ms?: Waits;
  readonly settle?: () => Promise<void>;
};

/** The longest single wait of a job that is held back. */
const HOLD_MS_MAX = 30_000;

export function createInferenceHandler(deps: InferenceDeps): Handler {
  return async (records, context) => {
    await Promise.all(records.map((record) => handleRecord(deps, record, context)));
  };
}

async function handleRecord(deps: InferenceDeps, fetched: InRecord, context: HandlerContext): Promise<void> {
  const record = passed(fetched, deps.clock.now_ms());
  const hop = await readHop(deps.codec, record, "request", jobHead.parse);
  if (!hop.ok) return publish(deps, buried(deps, record, hop.code, hop.message));
  const { head: job, carried } = hop;
  if (carried === undefined) {
    return publish(deps, buried(deps, record, "event_invalid", "the job carries no request"));
  }
  const trace = job.trace ?? attemptsOf(record.headers);
  const known = trace === undefined ? job : { ...job, trace };
  await takeUp(deps, { record, job: known, request: carried }, context);
}

function note({ tracing }: InferenceDeps, { record, job }: Job, { end }: Consequence): void {
  tracing?.spanOf(record.headers)?.set({
    "sluice.request.id": job.id,
    "sluice.tenant": job.tenant,
    "sluice.tier": job.route.tier,
    "sluice.outcome": end,
  });
}

/** Finds out from the ledger what is left to do, and does it. */
async function takeUp(deps: InferenceDeps, job: Job, context: HandlerContext): Promise<void> {
  const round = roundOf(job.record.headers);
  for (;;) {
    const opened = await deps.ledger.open(job.job, round, context.stopping);
    if (opened === undefined) throw givenUp();
    if (opened.kind === "done") return deps.ended("repeated", {});
    try {
      const consequence = await consequenceOf(deps, job, opened, context.stopping);
      if (consequence !== undefined) {
        note(deps, job, consequence);
        return await publish(deps, consequence);
      }
    } finally {
      opened.attempt.end();
    }
    // Fenced: what the other run does is ours to see through, as long as the record is ours.
    deps.ended("fenced", {});
    if (!context.isAssigned(job.record)) return;
  }
}

/** @returns undefined when another run has taken the job meanwhile. */
async function consequenceOf(
  deps: InferenceDeps,
  job: Job,
  opened: Exclude<Opened, { kind: "done" }>,
  stopping: AbortSignal,
): Promise<Consequence | undefined> {
  const { attempt } = opened;
  if (opened.kind === "answered") return answered(deps, job, attempt, opened.answer, "republished");
  if (opened.kind === "quarantine") return quarantined(deps, job, attempt);
  return work(deps, job, attempt, stopping, opened.batch);
}

async function work(
  deps: InferenceDeps,
  job: Job,
  attempt: Attempt,
  stopping: AbortSignal,
  batch: BatchPlace | undefined,
): Promise<Consequence | undefined> {
  const cancellation = deps.cancellation(job.job.tenant, job.job.id);
  const cancelled = cancellation.signal;
  const tokens = deps.tokens(job.job);
  tell(deps, job, { state: "started", attempt: attempt.calls + 1 });
  try {
    for (;;) {
      if (!(await holdBack(deps, job.job, attempt, [stopping, cancelled]))) return undefined;
      if (stopping.aborted) throw givenUp();
      const { job: head, request, record } = job;
      const ended = await deps.attempt(
        { job: head, request, attempt, source: record, stopping, cancelled, tokens, trace: record.headers },
        batch,
      );
      if (ended.kind === "stopping") throw givenUp();
      if (ended.kind === "fenced") return undefined;
      const consequence = await conclude(deps, job, attempt, ended, tokens);
      if (consequence !== "held") return consequence;
    }
  } finally {
    cancellation.release();
  }
}

/** Not waited for: nothing depends on it. */
function tell(deps: InferenceDeps, { record, job: { tenant, id } }: Job, state: RequestState): void {
  if (isFollowed(record.headers)) void deps.tell?.([{ tenant, id, state }]);
}

/**
 * Waits while most of what comes would be dead-lettered, at most until the deadline.
 * @returns false when another run has taken the job meanwhile.
 */
async function holdBack(
  deps: InferenceDeps,
  job: JobHead,
  attempt: Attempt,
  signals: readonly AbortSignal[],
): Promise<boolean> {
  // With an earlier tier's answer in hand nothing can come of it that is a dead letter.
  while (job.draft === undefined && !signals.some(({ aborted }) => aborted)) {
    const now_ms = deps.clock.now_ms();
    const left_ms = (job.deadline_ms ?? Number.POSITIVE_INFINITY) - now_ms;
    const leave = left_ms <= 0 ? undefined : deps.guard.allows(now_ms);
    if (leave?.kind !== "wait") return true;
    await sleepUntil(deps.clock, Math.min(leave.wait_ms, left_ms, HOLD_MS_MAX), signals);
    if (!(await attempt.keep())) return false;
  }
  return true;
}

/** @returns `held` when the job would be a dead letter like most others now, undefined when another run has taken it. */
async function conclude(
  deps: InferenceDeps,
  job: Job,
  attempt: Attempt,
  ended: Concluded,
  tokens: JobTokens,
): Promise<Consequence | "held" | undefined> {
  const { verdict, waited_ms } = ended;
  const { draft, route } = job.job;
  const completed_ms = deps.clock.now_ms();
  const prompt = promptOf(deps.settings.tiers[route.tier], route.prompt_version);
  const closing = { counted: attempt, completed_ms, prompt_version: draft?.judge ? undefined : prompt?.version };
  const own = answerOf(job.job, ended, closing);
  if (verdict.kind === "succeeded") {
    deps.guard.record(false, completed_ms);
    const answer = afterAnswer(deps.settings, job.job, job.request, own, verdict.usage);
    const mine = await attempt.answered(answer, nusd(verdict.usage.cost_usd));
    if (mine) tokens.end("succeeded", verdict.usage);
    return mine ? { ...answered(deps, job, attempt, answer, "published"), waited_ms } : undefined;
  }
  // The way by a retry topic would begin at the first tier again: the answer that is there is given instead.
  if (draft !== undefined && own.ending.status !== "cancelled") {
    const answer = afterFailedHop(deps.settings, { ...job.job, draft }, job.request, own, verdict);
    const consequence = await standIn(deps, job, attempt, answer);
    return consequence === undefined ? undefined : { ...consequence, waited_ms };
  }
  const now_ms = deps.clock.now_ms();
  const after = deps.afterFailure(job.record, job.job, job.request, verdict, now_ms);
  if (after.kind === "retry") {
    const round = roundOf(job.record.headers);
    tell(deps, job, { state: "retrying", round: round + 1, due_ms: after.due_ms });
    return {
      end: "redelivered",
      records: [withUnknownCalls(withAttempts(after.record, own.ending.trace), attempt.unknown)],
      waited_ms,
      settle: () => attempt.left(round),
    };
  }
  deps.guard.record(after.dead_letter, now_ms);
  if (after.dead_letter && deps.guard.holds) return (await attempt.failed(false)) ? "held" : undefined;
  tokens.end(own.ending.status, verdict.usage);
  return { ...failedForGood(deps, job, attempt, own, after.dead_letter), waited_ms };
}

/** The outcome, and for a failure that time may heal the job as a dead letter: an operator may have it run again. */
function failedForGood(
  deps: InferenceDeps,
  { record, job }: Job,
  attempt: Attempt,
  { ending }: Answer,
  dead_letter: boolean,
): Consequence {
  const outcome = outcomeRecord(deps, record, job, ending);
  const settle = () => attempt.published();
  const { error } = ending;
  if (!dead_letter || error === undefined) return { end: "published", records: [outcome], settle };
  const letter = deadLetter(deps.dead_letters, record, error.code, error.message);
  return { end: "dead_letter", records: [outcome, letter], settle };
}

function answered(deps: InferenceDeps, of: Job, attempt: Attempt, answer: Answer, end: JobEnd): Consequence {
  const { ending, response, onward } = answer;
  const hop = hopEnd(of.job, answer);
  if (hop !== undefined && end === "published") deps.hopped?.(hop);
  if (onward !== undefined) {
    const next = nextJobRecord(deps, of, answer, onward);
    return { end: "passed_on", records: [next], settle: () => attempt.passedOn() };
  }
  const outcome = outcomeRecord(deps, of.record, of.job, ending, response);
  const shadows = deps.shadows?.(of, ending) ?? [];
  return { end, records: [outcome, ...shadows], settle: () => attempt.published() };
}

async function quarantined(deps: InferenceDeps, of: Job, attempt: Attempt): Promise<Consequence | undefined> {
  const { record, job } = of;
  const message =
    "a worker died during the call; whether the model was paid is not known, and the settings say not to pay twice";
  const error = { code: "attempt_unknown", type: "api_error", message };
  const ending = quarantinedOf(job, error, { counted: attempt, completed_ms: deps.clock.now_ms() });
  if (job.draft !== undefined) return standIn(deps, of, attempt, draftStands(job, job.draft, ending));
  const outcome = outcomeRecord(deps, record, job, ending);
  const letter = deadLetter(deps.dead_letters, record, error.code, message);
  return { end: "dead_letter", records: [outcome, letter], settle: () => attempt.published() };
}

/** An earlier tier's answer in the place of this one's: written down before it is published, as any answer. */
async function standIn(
  deps: InferenceDeps,
  job: Job,
  attempt: Attempt,
  answer: Answer,
): Promise<Consequence | undefined> {
  return (await attempt.answered(answer, 0)) ? answered(deps, job, attempt, answer, "published") : undefined;
}

function buried(deps: InferenceDeps, record: InRecord, code: string, message: string): Consequence {
  return { end: "dead_letter", records: [deadLetter(deps.dead_letters, record, code, message)] };
}

async function publish(deps: InferenceDeps, { end, records, waited_ms, settle }: Consequence): Promise<void> {
  if (records.length > 0) await deps.publisher.publish(records);
  // Not waited for: until it is written, a repeat publishes what is stored and comes too late.
  void settle?.();
  deps.ended(end, waited_ms ?? {});
}

function givenUp(): SluiceError {
  return new SluiceError("dependency_unavailable", "the service stops before the job was sent", { retryable: true });
}
