/** Follows a topic from its beginning as a read_committed reader, and keeps every record once. */
import type { Kafka } from "kafkajs";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { unframe } from "../../../libs/shared/events/wire.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { TopicReader } from "../../../libs/shared/kafka/reader.ts";
import { WAIT_MS } from "../until.ts";

type Waiter = { readonly holds: () => boolean; readonly resolve: () => void };

export class TopicLog {
  readonly #records: InRecord[] = [];
  /** A reader that lost its broker may be given records again: they count once, by their place. */
  readonly #places = new Set<string>();
  readonly #waiters = new Set<Waiter>();
  readonly #reader: TopicReader;

  constructor(kafka: Kafka, topic: string, until_end = false) {
    this.#reader = new TopicReader(kafka, {
      topic,
      from: { kind: "beginning" },
      until_end,
      records: (records) => this.#keep(records),
    });
  }

  /** In the order read: by offset within a partition. */
  get records(): readonly InRecord[] {
    return this.#records;
  }

  start(): Promise<void> {
    return this.#reader.start();
  }

  /** Everything that is there now. */
  static async readAll(kafka: Kafka, topic: string): Promise<readonly InRecord[]> {
    const log = new TopicLog(kafka, topic, true);
    await log.start();
    try {
      await log.#reader.done;
      return log.records;
    } finally {
      await log.stop();
    }
  }

  stop(): Promise<void> {
    return this.#reader.stop();
  }

  /** Resolves once the condition holds; asked whenever records come. `missing` says what is not there yet, for the error. */
  async until(holds: () => boolean, missing: () => string, wait_ms = WAIT_MS): Promise<void> {
    if (holds()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { holds, resolve };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => reject(new Error(`${missing()} not within ${wait_ms / 1_000} s`)), wait_ms);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  #keep(records: readonly InRecord[]): void {
    for (const record of records) {
      const place = `${record.partition} ${record.offset}`;
      if (this.#places.has(place)) continue;
      this.#places.add(place);
      this.#records.push(record);
    }
    for (const waiter of this.#waiters) if (waiter.holds()) waiter.resolve();
  }
}

/** The JSON of a value in the wire format or plain. */
export function jsonOf(record: InRecord): unknown {
  const framed = unframe(record.value ?? Buffer.alloc(0));
  if (framed.kind === "unreadable") throw new Error(`offset ${record.offset} of ${record.topic} cannot be read`);
  return JSON.parse(framed.payload.toString());
}

/** Results by id: more than one under an id is what must never be. @param results those found before, which grow. */
export function resultsById(
  records: readonly InRecord[],
  results = new Map<string, Result[]>(),
): Map<string, Result[]> {
  for (const record of records) {
    const result = jsonOf(record) as Result;
    results.set(result.id, [...(results.get(result.id) ?? []), result]);
  }
  return results;
}
