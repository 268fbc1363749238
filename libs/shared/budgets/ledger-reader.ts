/** Reads `llm.usage` to its present end, as it is committed. */
import type { Kafka } from "kafkajs";
import { type Clock, sleep } from "../clock.ts";
import { unavailable } from "../errors.ts";
import type { EventCodec } from "../events/codec.ts";
import type { UsageEntry } from "../events/usage.ts";
import { readUsageEntry } from "../events/usage-records.ts";
import { kafkaError } from "../kafka/client.ts";
import { type ReadFrom, TopicReader } from "../kafka/reader.ts";
import type { Log } from "../log.ts";

export type LedgerSource = {
  readonly kafka: Kafka;
  readonly codec: EventCodec;
  /** `llm.usage` with the pipeline's prefix. */
  readonly topic: string;
  readonly log: Log;
  readonly clock: Clock;
};

/** Called for each entry, in order within a partition. `at_ms`: when it was written. */
export type AddEntry = (partition: number, offset: number, entry: UsageEntry, at_ms: number) => void;

export type LedgerEnd = {
  /** By partition: the last offset that was read, marks of transactions included. Of an empty partition there is none. */
  readonly applied: ReadonlyMap<number, number>;
  /** Records that nobody can read. */
  readonly skipped: number;
};

/** Transactions of results end or are aborted within half a minute. */
const END_WAIT_MS_MAX = 60_000;
const LOOK_MS = 100;

/** True where nothing was ever written. @throws retryable when Kafka is away. */
export async function ledgerIsEmpty(kafka: Kafka, topic: string): Promise<boolean> {
  return [...(await ledgerEnds(kafka, topic)).values()].every((end) => end === 0);
}

/** By partition, the offset behind the last record. @throws retryable when Kafka is away. */
export async function ledgerEnds(kafka: Kafka, topic: string): Promise<ReadonlyMap<number, number>> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/**
 * Reads up to what was the end at the start; may go a little beyond.
 * @param from left out: the beginning.
 * @throws retryable when Kafka or the registry is away, or a transaction stays open before the end.
 */
export async function readLedger(
  source: LedgerSource,
  add: AddEntry,
  from: ReadFrom = { kind: "beginning" },
): Promise<LedgerEnd> {
  const { kafka, codec, topic, log, clock } = source;
  let skipped = 0;
  const reader = new TopicReader(kafka, {
    topic,
    from,
    until_end: true,
    async records(records) {
      for (const record of records) {
        const read = await readUsageEntry(codec, record);
        if (read.ok) {
          add(record.partition, record.offset, read.entry, record.timestamp_ms);
          continue;
        }
        skipped += 1;
        log.warn(
          { topic, partition: record.partition, offset: record.offset, why: read.message },
          "ledger entry skipped",
        );
      }
    },
  });
  await reader.start();
  try {
    await reader.done;
    // `done` also comes when it was quiet for a while; an open transaction is waited for.
    const until_ms = clock.now_ms() + END_WAIT_MS_MAX;
    while (!reader.caught_up && clock.now_ms() < until_ms) await sleep(clock, LOOK_MS);
    if (!reader.caught_up) throw unavailable("kafka", new Error(`the end of ${topic} was not reached`));
  } finally {
    await reader.stop();
  }
  return { applied: lastRead(reader.next), skipped };
}

function lastRead(next: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  return new Map([...next].flatMap(([partition, offset]) => (offset > 0 ? [[partition, offset - 1]] : [])));
}
