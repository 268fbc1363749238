/**
 * Calls models for recorded requests, under the replay's budget: `recompute` and `shadow`.
 *
 * - **C1** Before a record's first call what it may cost at the most is held and written down; after its end what it has cost (`holds.ts`).
 * - **C2** An answer that was received is in the attempt ledger until its Result is written: a record that is run again is not paid again.
 * - **C3** What is begun is ended before a chunk is given back, and is given back in order up to the first record that was left out. What
 *   stands behind that one and has its answer finds it in the ledger when the replay goes on.
 */
import { type Clock, sleep } from "../../../libs/shared/clock.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { isRetryable } from "../../../libs/shared/errors.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { AdmittedHead, OutcomeHead, ResultHead } from "../../../libs/shared/events/flow.ts";
import { JOB_HEADER } from "../../../libs/shared/events/headers.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import { usageEntryOut } from "../../../libs/shared/events/usage-records.ts";
import { type OutRecord, partitionId } from "../../../libs/shared/kafka/ports.ts";
import { dollars, nusd } from "../../../libs/shared/money.ts";
import type { Replay } from "../../../libs/shared/replay/replay.ts";
import type { WebhookEvent, WebhookOutbox } from "../../../libs/shared/webhooks/event.ts";
import { webhookEventOf } from "../../../libs/shared/webhooks/event-body.ts";
import type { CallbackCheck } from "../../../libs/shared/webhooks/url-rules.ts";
import { buildResult } from "../../results/result.ts";
import type { Recorded, Replayed, ReplayedChunk, ReplayWorker } from "../contract.ts";
import type { KeptAnswer, WatchedAttempts } from "./attempts-watched.ts";
import { cacheRecordOf, chargeOf } from "./beside.ts";
import type { ReplayBudget } from "./budget.ts";
import { type CallRow, type CallRows, callPlaceId } from "./call-rows.ts";
import { BudgetUsed, type Holds } from "./holds.ts";
import { type JobDeps, type JobOfReplay, type JobOutcome, runJob } from "./one-job.ts";
import { type PlanDeps, type Planned, planOf } from "./plan.ts";

export type CallingDeps = {
  readonly clock: Clock;
  readonly replay: Pick<Replay, "id" | "spec">;
  readonly plan: PlanDeps;
  readonly jobs: JobDeps;
  readonly attempts: WatchedAttempts;
  readonly budget: ReplayBudget;
  readonly holds: Holds;
  readonly rows: Pick<CallRows, "find">;
  /** In force, for what is kept in the cache. */
  readonly deployed: Settings;
  readonly codec: EventCodec;
  readonly names: TopicNames;
  /** Where the replay may tell somebody. */
  readonly outbox: WebhookOutbox | undefined;
  /** A word on why a request's callback cannot be called: what was taken once may be refused now. */
  readonly callbackProblem: CallbackCheck;
  readonly close: () => Promise<void>;
};

/** A millisecond or so each. */
const PLANNED_AT_ONCE = 8;

type Called = Extract<Planned, { kind: "call" }>;
type LeftOut = "used" | "stopping";
type Ended = { readonly replayed: Replayed; readonly told?: Told };
type Told = { readonly outcome: OutcomeHead; readonly recorded: Recorded };

export class CallingWorker implements ReplayWorker {
  readonly wanted: ReplayWorker["wanted"];
  readonly #deps: CallingDeps;
  /** By partition, of the last chunk: their Results are written when the next one comes. */
  readonly #kept = new Map<string, { readonly offset: number; readonly answers: readonly KeptAnswer[] }[]>();

  constructor(deps: CallingDeps) {
    this.#deps = deps;
    this.wanted = { request: true, outcome: deps.replay.spec.mode === "recompute" };
  }

  async run(records: readonly Recorded[], stopping: AbortSignal): Promise<ReplayedChunk> {
    await this.#release(records);
    const { rows, outbox } = this.#deps;
    const planned = await this.#planned(records);
    const calls = planned.flatMap((one) => (one.kind === "call" ? [one.job.source] : []));
    const known = await rows.find(calls);
    const ended: (Ended | LeftOut)[] = [];
    const work = async (at: number): Promise<void> => {
      const recorded = records[at] as Recorded;
      ended[at] = await this.#one(recorded, planned[at] as Planned, known.get(callPlaceId(recorded.source)), stopping);
    };
    // Those whose calls were under way when an earlier run ended come first: until they are known, as much as they may cost is held.
    const order = [...records.keys()].sort(
      (one, other) => wasOpen(records, known, other) - wasOpen(records, known, one),
    );
    const settled = await Promise.allSettled(order.map(work));
    const failed = settled.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    const done = firstDone(ended);
    // Before anything is written: an event has one id, and is told once.
    await outbox?.add(done.flatMap(({ told }) => (told === undefined ? [] : this.#eventOf(told))));
    const replayed = done.map((one) => one.replayed);
    if (done.length === records.length) return { done: replayed };
    return { done: replayed, stopped: this.#stopped(stopping.aborted ? "stopping" : "used") };
  }

  async close(): Promise<void> {
    await this.#deps.close();
  }

  /** Counting tokens takes its time: calls that are under way, and signs of life, come in between. */
  async #planned(records: readonly Recorded[]): Promise<Planned[]> {
    const { plan, clock } = this.#deps;
    const planned: Planned[] = [];
    for (const recorded of records) {
      if (planned.length % PLANNED_AT_ONCE === PLANNED_AT_ONCE - 1) await sleep(clock, 0);
      planned.push(await planOf(plan, recorded, clock.now_ms()));
    }
    return planned;
  }

  async #one(
    recorded: Recorded,
    planned: Planned,
    row: CallRow | undefined,
    stopping: AbortSignal,
  ): Promise<Ended | LeftOut> {
    if (planned.kind === "without_record") return { replayed: this.#withoutRecord(recorded) };
    if (planned.kind === "refused") return this.#refused(recorded, planned);
    const { holds, attempts } = this.#deps;
    const { id } = planned.job.head;
    const ask = { id, place: recorded.source, most_nusd: planned.most_nusd, row };
    const begun = await holds.begin(ask, stopping);
    if (begun !== "begun") return begun;
    attempts.watch(id);
    try {
      const outcome = await runJob(this.#deps.jobs, this.#begunNow(planned.job), stopping);
      return await this.#called(recorded, planned, outcome);
    } catch (error) {
      holds.giveUp(id, attempts.counts(id));
      if (error instanceof BudgetUsed) return "used";
      if (stopping.aborted && isRetryable(error)) return "stopping";
      throw error;
    } finally {
      attempts.forget(id);
    }
  }

  /** What it waited for its turn and for money is not its own time. */
  #begunNow({ head, ...job }: JobOfReplay): JobOfReplay {
    const now_ms = this.#deps.clock.now_ms();
    return { ...job, head: { ...head, timing: { received: now_ms, admitted: now_ms, routed: now_ms } } };
  }

  async #called(recorded: Recorded, { job, head }: Called, { head: outcome, response }: JobOutcome): Promise<Ended> {
    const { holds, attempts, replay, codec, names } = this.#deps;
    const { id } = job.head;
    const counts = attempts.counts(id);
    const cost_nusd = await holds.settle(id, nusd(outcome.usage?.cost_usd ?? 0), counts);
    this.#keep(recorded, attempts.answers(id));
    const own: OutcomeHead = { ...outcome, id: recorded.id };
    const charged = replay.spec.charge === true && cost_nusd > 0 ? chargeOf(replay.id, id, own, cost_nusd) : undefined;
    const cached = this.#cacheRecord(head, own, response);
    const beside: OutRecord[] = [
      ...(charged === undefined ? [] : [usageEntryOut(codec, names.usage, charged)]),
      ...(cached === undefined ? [] : [cached]),
    ];
    const result = { head: this.#resultOf(own), ...(response === undefined ? {} : { response }) };
    const { calls } = counts;
    const of = beside.length === 0 ? {} : { beside };
    return {
      replayed: { recorded, fate: "called", result, calls, cost_nusd, ...of },
      told: { outcome: own, recorded },
    };
  }

  #cacheRecord(head: AdmittedHead, outcome: OutcomeHead, response: Buffer | undefined): OutRecord | undefined {
    const { replay, deployed, plan } = this.#deps;
    if (replay.spec.fill_cache !== true) return undefined;
    return cacheRecordOf(this.#deps, { deployed, called: plan.settings }, head, outcome, response);
  }

  #withoutRecord(recorded: Recorded): Replayed {
    const { tenant, id, original } = recorded;
    const now_ms = this.#deps.clock.now_ms();
    const message = "the request is not on its topic any more, so it cannot be called again";
    const error = { code: "replay_no_record", type: "api_error", message };
    const outcome: OutcomeHead = {
      ...{ id, tenant, content_hash: "", status: "failed", error },
      timing: { received: now_ms, completed: now_ms },
      ...(original?.metadata === undefined ? {} : { metadata: original.metadata }),
    };
    const result = { head: this.#resultOf(outcome) };
    return { recorded, fate: "without_record", result, calls: 0, cost_nusd: 0 };
  }

  #refused(recorded: Recorded, { head, error }: Extract<Planned, { kind: "refused" }>): Ended {
    const { id, tenant, content_hash, metadata, user, callback_url, timing } = head;
    const outcome: OutcomeHead = {
      ...{ id, tenant, content_hash, status: "rejected", error },
      timing: { ...timing, completed: timing.received },
      ...(metadata === undefined ? {} : { metadata }),
      ...(user === undefined ? {} : { user }),
      ...(callback_url === undefined ? {} : { callback_url }),
    };
    const result = { head: this.#resultOf(outcome) };
    return { replayed: { recorded, fate: "refused", result, calls: 0, cost_nusd: 0 }, told: { outcome, recorded } };
  }

  /**
   * Of the replay's own, once. It has the Result as its row has it, which is the original's: where that ended otherwise, nobody is told.
   * Requests of a job are told of as one.
   */
  #eventOf({ outcome: { callback_url, ...told }, recorded }: Told): WebhookEvent[] {
    const { clock, callbackProblem, replay } = this.#deps;
    const { outcome, headers, original } = recorded;
    if (original !== undefined && original.status !== told.status) return [];
    const job = (outcome?.headers[JOB_HEADER] ?? headers[JOB_HEADER]) || undefined;
    const callable = callback_url !== undefined && callbackProblem(callback_url) === undefined;
    const event = webhookEventOf(callable ? { ...told, callback_url } : told, clock.now_ms(), { job });
    return event === undefined ? [] : [{ ...event, replay: replay.id }];
  }

  /** As results makes it, under the request's own id. */
  #resultOf(outcome: OutcomeHead): ResultHead {
    const { id, spec } = this.#deps.replay;
    const { json } = buildResult(outcome, undefined);
    return { ...(JSON.parse(json.toString()) as ResultHead), replay: { id, mode: spec.mode } };
  }

  #stopped(why: LeftOut): NonNullable<ReplayedChunk["stopped"]> {
    if (why === "stopping") return { code: "stopping", message: "the replay was stopped" };
    const { budget_nusd, spent_nusd, held_nusd, refused_nusd = 0 } = this.#deps.budget;
    const held = held_nusd > 0 ? ` and ${dollars(held_nusd)} held` : "";
    const message =
      `${dollars(spent_nusd)} of the budget of ${dollars(budget_nusd)} is spent${held}, and the next record may ` +
      `cost up to ${dollars(refused_nusd)}; raise the budget to go on`;
    return { code: "replay_budget_used", message };
  }

  #keep({ source }: Recorded, answers: readonly KeptAnswer[]): void {
    const id = partitionId(source);
    const kept = this.#kept.get(id) ?? [];
    kept.push({ offset: source.offset, answers });
    this.#kept.set(id, kept);
  }

  /** C2: of a partition whatever stands before the records that come now is written. */
  async #release(records: readonly Recorded[]): Promise<void> {
    for (const [id, of_partition] of Map.groupBy(records, ({ source }) => partitionId(source))) {
      const next = Math.min(...of_partition.map(({ source }) => source.offset));
      const kept = this.#kept.get(id) ?? [];
      const written = kept.filter(({ offset }) => offset < next);
      // What is worked on again is kept anew.
      this.#kept.delete(id);
      await this.#deps.attempts.release(written.flatMap(({ answers }) => answers));
    }
  }
}

function wasOpen(records: readonly Recorded[], known: ReadonlyMap<string, CallRow>, at: number): number {
  const row = known.get(callPlaceId((records[at] as Recorded).source));
  return row !== undefined && row.cost_nusd === undefined ? 1 : 0;
}

function firstDone(ended: readonly (Ended | LeftOut)[]): Ended[] {
  const end = ended.findIndex((one) => typeof one === "string");
  return (end < 0 ? ended : ended.slice(0, end)) as Ended[];
}
