/**
 * Results: the first terminal outcome of a request wins, and is published once.
 *
 * 1. Postgres says which outcomes win (claims are idempotent).
 * 2. The job views are written and waiting gateways told; answers go into the cache, and whoever waits there is told; what webhooks are to
 *    tell is written down.
 * 3. Per input partition, one transaction publishes the results and the cache's entries, settles what was held for them and moves
 *    the group's offset (I1, I2, I4, I5).
 *
 * What a replay sends again, and runs of redrives, correct rows and views instead, and are published on the replay's own topic
 * (`corrections.ts`): nothing is settled or told of a second time (I7).
 *
 * Any step may run again after a crash: claims name their outcome, views are overwritten with the same content, and a
 * transaction skips what an earlier one committed.
 */
import { cacheEntryOut } from "../../libs/shared/cache/entry-records.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter, deadLetterOf } from "../../libs/shared/events/dead-letters.ts";
import { type OutcomeHead, outcomeHead } from "../../libs/shared/events/flow.ts";
import { JOB_HEADER, RATE_ROOM_HEADER, REPLY_TO_HEADER, traceHeaders } from "../../libs/shared/events/headers.ts";
import { type Hop, readHop } from "../../libs/shared/events/hop.ts";
import { shadowEventRecord } from "../../libs/shared/events/shadow-records.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { passed } from "../../libs/shared/events/trail.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { usageEntryOut } from "../../libs/shared/events/usage-records.ts";
import type { Handler, HandlerContext } from "../../libs/shared/kafka/handler.ts";
import {
  type InRecord,
  type OutRecord,
  partitionId,
  type RecordHeaders,
  type TopicPartition,
  type TransactionalPublisher,
  type TransactionItem,
} from "../../libs/shared/kafka/ports.ts";
import type { JobViewWriter } from "../../libs/shared/redis/job-views.ts";
import { isFollowed, type Tell } from "../../libs/shared/redis/request-events.ts";
import { traceparentOf } from "../../libs/shared/tracing/trace-context.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";
import type { WebhookOutbox } from "../../libs/shared/webhooks/event.ts";
import { webhookEventOf } from "../../libs/shared/webhooks/event-body.ts";
import { type CacheEntry, type CacheFilling, cacheEntryOf, tellCache } from "./cache-fill.ts";
import type { ClaimStore, ClaimVerdict } from "./claims.ts";
import { type Corrections, correct, resultRecord } from "./correcting.ts";
import { correctedOf, type Replayed, replayedOf } from "./corrections.ts";
import type { Originals } from "./originals.ts";
import { type BuiltResult, buildResult, type TierKinds } from "./result.ts";
import { settlementOf } from "./settlement.ts";
import { runFor, shadowRun } from "./shadow-run.ts";

export type ResultsDeps = {
  readonly codec: EventCodec;
  readonly claims: ClaimStore;
  readonly views: JobViewWriter;
  readonly cache: CacheFilling;
  readonly transactions: TransactionalPublisher;
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  /** What replays send again, and runs of redrives. Left out: there are none, each outcome is an ordinary one. */
  readonly corrections?: Corrections;
  /** Results that runs are compared with; left out, they are not known. */
  readonly originals?: Originals;
  /** Told of every outcome's fate, for metrics. */
  readonly count: (verdict: ClaimVerdict | "dead_letter", outcome?: OutcomeHead, headers?: RecordHeaders) => void;
  /** Of requests that somebody may follow. Left out: nobody is told. */
  readonly tell?: Tell;
  /** Whose webhooks are told of results. Left out: nobody's. */
  readonly outbox?: WebhookOutbox;
  /** Told of batches and map-reduces whose requests have results. */
  readonly wakeJobs?: (jobs: ReadonlySet<string>) => void;
  /** Kinds of the tiers, for the rows. */
  readonly tiers?: TierKinds;
  /** Told of every entry for the ledger, for metrics. */
  readonly settled?: (entry: UsageEntry) => void;
  /** Whose spans are told what became of their outcomes. */
  readonly tracing?: Tracing;
};

type ReadOutcome = Extract<Hop<OutcomeHead>, { ok: true }> & {
  readonly built: BuiltResult;
  /** For the cache, if it becomes the result. */
  readonly entry: CacheEntry | undefined;
  /** Undefined of all ordinary outcomes. */
  readonly replayed: Replayed | undefined;
};

export function createResultsHandler(deps: ResultsDeps): Handler {
  return async (fetched, context) => {
    const now_ms = deps.clock.now_ms();
    const records = fetched.map((record) => passed(record, now_ms));
    const hops = await Promise.all(records.map((record) => readHop(deps.codec, record, "response", outcomeHead.parse)));
    const outcomes = new Map<InRecord, ReadOutcome>();
    for (const hop of hops) {
      if (!hop.ok) continue;
      outcomes.set(hop.record, outcomeOf(deps, hop));
    }
    const read = [...outcomes.values()];
    const verdicts = await claim(deps, read);
    const won = read.filter(({ record }) => verdicts.get(record) === "won");
    const first = won.filter(({ replayed }) => replayed?.redrive === undefined);
    const [runs] = await Promise.all([
      runRecords(deps, first),
      writeViews(deps, won),
      fillCache(
        deps,
        read.filter(({ record }) => verdicts.get(record) !== "corrects"),
        first,
      ),
      announce(deps, first),
    ]);
    const replayed = await correctAll(deps, read, verdicts);
    const items = hops.map((hop) => {
      const own = runs.get(hop.record) ?? replayed?.get(hop.record);
      return itemOf(deps, hop, outcomes.get(hop.record), verdicts.get(hop.record), own);
    });
    await publish(deps, context, records, items);
  };
}

function outcomeOf(deps: ResultsDeps, hop: Extract<Hop<OutcomeHead>, { ok: true }>): ReadOutcome {
  const { head, carried, record } = hop;
  const built = buildResult(head, carried, record.headers, deps.tiers);
  const replayed = deps.corrections && replayedOf(deps.names, record.headers, head);
  // A redrive's answers are not kept for others (I7).
  const entry =
    replayed?.redrive === undefined ? cacheEntryOf(head, carried, deps.cache.response_bytes_max) : undefined;
  const span = deps.tracing?.spanOf(record.headers);
  if (span === undefined || entry === undefined) return { ...hop, built, entry, replayed };
  return { ...hop, built, entry: { ...entry, traceparent: traceparentOf(span.context) }, replayed };
}

async function claim(deps: ResultsDeps, outcomes: readonly ReadOutcome[]): Promise<Map<InRecord, ClaimVerdict>> {
  const oldest_ms = deps.clock.now_ms() - (deps.corrections?.claims_keep_ms ?? 0);
  const claiming = outcomes.filter(({ replayed, built }) => !replayed?.stage || built.row.completed_ms > oldest_ms);
  const verdicts = await deps.claims.claim(
    claiming.map(({ record, head, built, replayed }) => ({
      tenant: head.tenant,
      id: head.id,
      content_hash: head.content_hash,
      place: { topic: record.topic, partition: record.partition, offset: record.offset },
      ...(replayed?.stage === undefined ? {} : { again: replayed.stage.place }),
      row: built.row,
    })),
  );
  return new Map(claiming.map(({ record }, index) => [record, verdicts[index] as ClaimVerdict]));
}

async function correctAll(
  { corrections, tiers, ...deps }: ResultsDeps,
  read: readonly ReadOutcome[],
  verdicts: ReadonlyMap<InRecord, ClaimVerdict>,
): Promise<ReadonlyMap<InRecord, OutRecord> | undefined> {
  if (corrections === undefined) return undefined;
  const given = read.flatMap(({ replayed, ...outcome }) => {
    const { record } = outcome;
    const corrected = replayed && correctedOf(outcome, replayed, verdicts.get(record), tiers);
    return corrected === undefined ? [] : [{ record, corrected }];
  });
  return given.length === 0 ? undefined : correct({ ...deps, corrections }, given);
}

async function writeViews(deps: ResultsDeps, won: readonly ReadOutcome[]): Promise<void> {
  const asked_for = won.filter(({ head }) => runFor(head) === undefined);
  const jobs = asked_for.map(({ record, head, built }) => ({
    tenant: head.tenant,
    id: head.id,
    status: head.status,
    result: built.json,
    reply_to: record.headers[REPLY_TO_HEADER],
    rate_room: record.headers[RATE_ROOM_HEADER],
    followed: isFollowed(record.headers),
  }));
  await deps.views.finish(jobs, deps.clock.now_ms());
  const followed = asked_for.filter(({ record }) => isFollowed(record.headers));
  if (followed.length === 0) return;
  await deps.tell?.(
    followed.map(({ head: { tenant, id, status } }) => ({ tenant, id, state: { state: "ended", status } })),
  );
}

/** For webhooks and jobs. */
async function announce({ outbox, wakeJobs, clock }: ResultsDeps, won: readonly ReadOutcome[]): Promise<void> {
  const now_ms = clock.now_ms();
  const jobs = new Set(won.flatMap(({ record }) => record.headers[JOB_HEADER] ?? []));
  if (jobs.size > 0) wakeJobs?.(jobs);
  if (outbox === undefined) return;
  const events = won.flatMap(
    ({ head, record }) => webhookEventOf(head, now_ms, { job: record.headers[JOB_HEADER] }) ?? [],
  );
  if (events.length > 0) await outbox.add(events);
}

async function fillCache(deps: ResultsDeps, read: readonly ReadOutcome[], won: readonly ReadOutcome[]): Promise<void> {
  const entries = won.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  const heads = read.map(({ head }) => head);
  await tellCache(deps.cache, entries, heads, deps.clock.now_ms());
}

/** What was run for a comparison alone is told on `llm.shadow`, beside the original. */
async function runRecords(deps: ResultsDeps, won: readonly ReadOutcome[]): Promise<Map<InRecord, OutRecord>> {
  const runs = won.flatMap(({ record, head, carried }) => {
    const shadow = runFor(head);
    return shadow === undefined ? [] : [{ record, head, carried, shadow }];
  });
  const originals = runs.length === 0 ? [] : await deps.originals?.find(runs.map(({ shadow }) => shadow));
  const now_ms = Math.round(deps.clock.now_ms());
  return new Map(
    runs.map(({ record, head, carried, shadow }, index) => {
      const run = shadowRun(shadow, head, carried, originals?.[index], now_ms);
      return [record, shadowEventRecord(deps, run, traceHeaders(record.headers))];
    }),
  );
}

function itemOf(
  deps: ResultsDeps,
  hop: Hop<OutcomeHead>,
  outcome: ReadOutcome | undefined,
  verdict: ClaimVerdict | undefined,
  /** In the place of the Result: of a run for a comparison, or for a replay's topic. */
  own: OutRecord | undefined,
): TransactionItem {
  const { record } = hop;
  if (hop.ok) note(deps, hop, verdict);
  if (!hop.ok || outcome === undefined) {
    deps.count("dead_letter");
    const { code, message } = hop.ok ? { code: "internal_error", message: "not built" } : hop;
    return { offset: record.offset, records: [deadLetter(deps.dead_letters, record, code, message)] };
  }
  deps.count(verdict ?? "late", hop.head, record.headers);
  if (verdict === "corrects") return { offset: record.offset, records: own === undefined ? [] : [own] };
  // Sent again, it was told of at its first time.
  if (verdict === "conflict" && outcome.replayed?.stage === undefined) {
    const message = `tenant ${hop.head.tenant} already has a request ${hop.head.id} with other content`;
    return { offset: record.offset, records: [deadLetter(deps.dead_letters, record, "id_conflict", message)] };
  }
  if (verdict !== "won") return { offset: record.offset, records: [] };
  const is_redrive = outcome.replayed?.redrive !== undefined;
  const result = own ?? (is_redrive ? undefined : resultRecord(deps, deps.names.results, record, outcome.built));
  const records = [...(result === undefined ? [] : [result]), ...ledgerRecords(deps, record, hop.head)];
  return { offset: record.offset, records: [...records, ...entryRecords(deps, outcome.entry)] };
}

function note(
  { tracing }: ResultsDeps,
  { record, head }: Extract<Hop<OutcomeHead>, { ok: true }>,
  verdict: ClaimVerdict | undefined,
): void {
  tracing?.spanOf(record.headers)?.set({
    "sluice.request.id": head.id,
    "sluice.tenant": head.tenant,
    "sluice.verdict": verdict ?? "late",
    "sluice.status": head.status,
    "error.type": head.error?.code,
  });
}

/** Only of the outcome that won: whoever came late neither settles nor gives back. */
function ledgerRecords(deps: ResultsDeps, record: InRecord, head: OutcomeHead): OutRecord[] {
  const entry = settlementOf(head, Math.round(deps.clock.now_ms()));
  if (entry === undefined) return [];
  deps.settled?.(entry);
  return [usageEntryOut(deps.codec, deps.names.usage, entry, traceHeaders(record.headers))];
}

function entryRecords(deps: ResultsDeps, entry: CacheEntry | undefined): OutRecord[] {
  return entry === undefined ? [] : [cacheEntryOut(deps.codec, deps.names.cache, entry.head, entry.response)];
}

async function publish(
  deps: ResultsDeps,
  context: HandlerContext,
  records: readonly InRecord[],
  items: readonly TransactionItem[],
): Promise<void> {
  const byPartition = Map.groupBy(records.keys(), (index) => partitionId(records[index] as InRecord));
  // All are awaited, whatever becomes of one: a retry must never meet a transaction that is still under way.
  const ended = await Promise.allSettled(
    [...byPartition.values()].map(async (indexes) => {
      const source = records[indexes[0] as number] as InRecord;
      const mine = indexes.map((index) => items[index] as TransactionItem);
      await publishPartition(deps, context, { topic: source.topic, partition: source.partition }, mine);
    }),
  );
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function publishPartition(
  deps: ResultsDeps,
  context: HandlerContext,
  source: TopicPartition,
  items: readonly TransactionItem[],
): Promise<void> {
  const ended = await deps.transactions.publishOnce(source, items);
  // Fenced and still assigned: we hold the partition, so take the transactional id back. Else it is another's work.
  if (ended === "fenced" && context.isAssigned(source)) throw fenced();
}

/**
 * Writes a dead letter in the input partition's own transaction, so that the offset moves past the record with it. Fenced, it is
 * tried again: whoever gives up here would let the next transaction pass over the record (I9).
 */
export function transactionalDeadLetter(
  transactions: TransactionalPublisher,
  writer: DeadLetterWriter,
): (record: InRecord, error: unknown) => Promise<void> {
  return async (record, error) => {
    const records = [deadLetterOf(writer, record, error)];
    const source = { topic: record.topic, partition: record.partition };
    const ended = await transactions.publishOnce(source, [{ offset: record.offset, records }]);
    if (ended === "fenced") throw fenced();
  };
}

function fenced(): SluiceError {
  return new SluiceError("producer_fenced", "another member took a transactional id of ours", { retryable: true });
}
