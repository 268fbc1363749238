/**
 * What stands on topics of a request, found by when it happened: its Result, its entries in the ledger, its dead letters. A short stretch of
 * each is read and no more: what is not found there is left out.
 */

import type { EventCodec } from "../events/codec.ts";
import { parseJson } from "../events/json.ts";
import type { TopicNames } from "../events/topics.ts";
import { type UsageEntry, usageEntrySchema } from "../events/usage.ts";
import type { InRecord, TopicPartition } from "../kafka/ports.ts";
import { usdOf } from "../money.ts";
import type { LedgerView, LetterView, PlaceView } from "./explanation.ts";
import type { FoundRecords } from "./found.ts";
import { codeHeaderOf, originalOf } from "./letters.ts";

/** As `RangeReader` has it. */
export type TopicReads = {
  bounds(topic: string): Promise<ReadonlyMap<number, { readonly low: number; readonly end: number }>>;
  at(topic: string, time_ms: number): Promise<ReadonlyMap<number, number | undefined>>;
  read(range: TopicPartition & { readonly from: number; readonly to: number }): AsyncIterable<readonly InRecord[]>;
};

export type RecordsDeps = { readonly reads: TopicReads; readonly names: TopicNames; readonly codec: EventCodec };

export type RecordsAsk = {
  readonly tenant: string;
  readonly id: string;
  /** Its place on `llm.requests`: `<topic> <partition> <offset>`, as headers begin with it. */
  readonly origin: string | undefined;
  readonly outcome: PlaceView | undefined;
  readonly admitted_ms: number | undefined;
  readonly received_ms: number | undefined;
  readonly completed_ms: number | undefined;
};

/** Looked at in each partition, from the moment on. */
const RECORDS_MAX = 2_000;
/** Clocks of writers may differ by so much. */
const SLACK_MS = 2_000;

/** @throws retryable while Kafka is away. */
export async function findRecords(deps: RecordsDeps, ask: RecordsAsk): Promise<FoundRecords> {
  const { completed_ms, admitted_ms, received_ms } = ask;
  const [result, held, ended, letters] = await Promise.all([
    completed_ms === undefined ? undefined : findResultRecord(deps, ask, completed_ms),
    admitted_ms === undefined ? [] : findLedger(deps, ask, admitted_ms),
    completed_ms === undefined ? [] : findLedger(deps, ask, completed_ms),
    received_ms === undefined ? [] : findLetters(deps, ask, received_ms),
  ]);
  const ledger = new Map([...held, ...ended].map((entry) => [`${entry.partition}:${entry.offset}`, entry]));
  return { result, ledger: [...ledger.values()].toSorted((one, other) => one.at_ms - other.at_ms), letters };
}

/** A Result has its outcome's key: with as many partitions it is on the same one. */
async function findResultRecord(
  deps: RecordsDeps,
  { tenant, id, outcome }: RecordsAsk,
  completed_ms: number,
): Promise<InRecord | undefined> {
  const is = async (record: InRecord): Promise<boolean> => {
    const head = await readJson(deps, record, id);
    return head?.["id"] === id && head["tenant"] === tenant;
  };
  const own = (partition: number): number => (partition === outcome?.partition ? 0 : 1);
  const [first] = await findNear(deps, { topic: deps.names.results, from_ms: completed_ms, is, first: own, enough: 1 });
  return first;
}

async function findLedger(deps: RecordsDeps, { tenant, id }: RecordsAsk, from_ms: number): Promise<LedgerView[]> {
  const entries: LedgerView[] = [];
  const is = async (record: InRecord): Promise<boolean> => {
    const parsed = usageEntrySchema.safeParse(await readJson(deps, record, id));
    if (!parsed.success || parsed.data.id !== id || parsed.data.tenant !== tenant) return false;
    entries.push(ledgerView(record, parsed.data));
    return true;
  };
  await findNear(deps, { topic: deps.names.usage, from_ms, is, enough: 8 });
  return entries;
}

function ledgerView({ topic, partition, offset }: InRecord, entry: UsageEntry): LedgerView {
  const { at_ms, kind, cause, reserved_nusd, settled_nusd } = entry;
  const money = { reserved_usd: usdOf(reserved_nusd), settled_usd: usdOf(settled_nusd) };
  return { topic, partition, offset, at_ms, kind, cause, ...money };
}

/** Of a record that services have read, its origin says whose it is; of another its own bytes do. */
async function findLetters(deps: RecordsDeps, ask: RecordsAsk, from_ms: number): Promise<LetterView[]> {
  const is = async (record: InRecord): Promise<boolean> => {
    const place = originalOf(record);
    if (ask.origin !== undefined && place !== undefined) return place === ask.origin;
    const json = await readJson(deps, record, ask.id);
    return json?.["id"] === ask.id && json["tenant"] === ask.tenant;
  };
  const found = await findNear(deps, { topic: deps.names.dlq, from_ms, is, enough: 8 });
  return found.map((record) => {
    const { topic, partition, offset, timestamp_ms: at_ms } = record;
    return { topic, partition, offset, at_ms, ...codeHeaderOf(record) };
  });
}

type Near = {
  readonly topic: string;
  /** Epoch ms from which it was written. */
  readonly from_ms: number;
  readonly is: (record: InRecord) => Promise<boolean>;
  /** Which partitions are looked at before the others: those of the lowest number. */
  readonly first?: (partition: number) => number;
  readonly enough: number;
};

async function findNear({ reads }: RecordsDeps, near: Near): Promise<InRecord[]> {
  const { topic, from_ms, is, first = () => 0, enough } = near;
  const [starts, bounds] = await Promise.all([reads.at(topic, from_ms - SLACK_MS), reads.bounds(topic)]);
  const partitions = [...bounds].toSorted(([one], [other]) => first(one) - first(other));
  const found: InRecord[] = [];
  for (const [partition, { end }] of partitions) {
    const from = starts.get(partition);
    if (from === undefined || from >= end) continue;
    for await (const records of reads.read({ topic, partition, from, to: Math.min(end, from + RECORDS_MAX) })) {
      for (const record of records) if (await is(record)) found.push(record);
      if (found.length >= enough) return found;
    }
  }
  return found;
}

/** The object in a record that names the id; undefined for any other. */
async function readJson(
  { codec }: RecordsDeps,
  record: InRecord,
  id: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  // Most are others': their bytes are looked at and no more.
  if (record.value === null || !record.value.includes(id)) return undefined;
  const decoded = await codec.decode(record);
  const json = decoded.kind === "json" ? parseJson(decoded.payload) : undefined;
  return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : undefined;
}
