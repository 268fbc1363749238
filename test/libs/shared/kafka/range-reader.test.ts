/** Stretches of a partition are read to their ends, whatever stands there, and no further ahead than one answer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Kafka } from "kafkajs";
import type { PartitionBounds } from "../../../../libs/shared/kafka/broker-reads.ts";
import type { FetchAnswer } from "../../../../libs/shared/kafka/fetched.ts";
import { RangeReader } from "../../../../libs/shared/kafka/range-reader.ts";

const TP = { topic: "t", partition: 0 };
const NO_KAFKA = undefined as unknown as Kafka;

type Entry = "record" | "mark";

/** A log whose answers hold so many offsets. */
class FakeLog {
  readonly asked: number[] = [];
  low = 0;
  readonly #log: readonly Entry[];
  readonly #at_once: number;
  stable: number;

  constructor(log: readonly Entry[], at_once: number) {
    this.#log = log;
    this.#at_once = at_once;
    this.stable = log.length;
  }

  async fetch(_tp: unknown, offset: number): Promise<FetchAnswer | undefined> {
    this.asked.push(offset);
    if (offset < this.low || offset > this.#log.length) return undefined;
    const end = Math.min(offset + this.#at_once, this.stable);
    const messages = this.#log.slice(offset, end).map((entry, at) => ({
      ...{ offset: String(offset + at), timestamp: "1", key: null, value: Buffer.from("v") },
      isControlRecord: entry === "mark",
    }));
    return { lastStableOffset: String(this.stable), messages };
  }

  async bounds(): Promise<ReadonlyMap<number, PartitionBounds>> {
    return new Map([[0, { low: this.low, end: this.stable }]]);
  }

  async at(): Promise<ReadonlyMap<number, number | undefined>> {
    return new Map();
  }

  async close(): Promise<void> {}
}

function logOf(marks: readonly number[], length: number, at_once = 3): FakeLog {
  const log = Array.from({ length }, (_, at): Entry => (marks.includes(at) ? "mark" : "record"));
  return new FakeLog(log, at_once);
}

async function read(log: FakeLog, from: number, to: number): Promise<number[]> {
  const found: number[] = [];
  for await (const records of new RangeReader(NO_KAFKA, log).read({ ...TP, from, to })) {
    assert.ok(records.length > 0);
    found.push(...records.map(({ offset }) => offset));
  }
  return found;
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

describe("a stretch of a partition", () => {
  test("is read from its first offset to before its last", async () => {
    assert.deepEqual(await read(logOf([], 20), 4, 15), numbers(4, 15));
  });

  test("ends where marks of transactions stand at its end, or fill it", async () => {
    assert.deepEqual(await read(logOf([8, 9], 10), 6, 10), [6, 7]);
    assert.deepEqual(await read(logOf(numbers(0, 10), 10), 0, 10), []);
  });

  test("is nothing where it is empty: nobody is asked", async () => {
    const log = logOf([], 5);
    assert.deepEqual(await read(log, 3, 3), []);
    assert.deepEqual(log.asked, []);
  });

  test("begins where the log does, of which retention took the first part", async () => {
    const log = logOf([], 20);
    log.low = 10;
    assert.deepEqual(await read(log, 2, 14), numbers(10, 14));
    assert.deepEqual(await read(log, 2, 9), [], "all of it");
  });

  test("ends where the log was cut", async () => {
    assert.deepEqual(await read(logOf([], 5), 7, 9), []);
  });

  test("fails, to be tried again, where an open transaction stands before its end", async () => {
    const log = logOf([], 10);
    log.stable = 6;
    await assert.rejects(read(log, 4, 10), { code: "dependency_unavailable", retryable: true });
  });

  test("is asked for one answer ahead of whoever takes it", async () => {
    const log = logOf([], 30);
    const reader = new RangeReader(NO_KAFKA, log).read({ ...TP, from: 0, to: 30 });
    assert.deepEqual(log.asked, []);
    await reader.next();
    assert.deepEqual(log.asked, [0, 3]);
    await new Promise(setImmediate);
    assert.deepEqual(log.asked, [0, 3], "and no further while it is not taken");
    await reader.next();
    assert.deepEqual(log.asked, [0, 3, 6]);
    await reader.return();
  });
});

test("single records are found by their places; what is not there is left out", async () => {
  const log = logOf([7], 1_000, 50);
  log.low = 5;
  const found = await new RangeReader(NO_KAFKA, log).readAt(TP, [900, 3, 7, 8, 30, 500, 8, 2_000]);
  assert.deepEqual(
    [...found.keys()].sort((one, other) => one - other),
    [8, 30, 500, 900],
  );
  assert.equal(found.get(500)?.offset, 500);
});

test("single records that are not written yet are not waited for", async () => {
  const log = logOf([], 10);
  log.stable = 6;
  const found = await new RangeReader(NO_KAFKA, log).readAt(TP, [3, 6, 8]);
  assert.deepEqual([...found.keys()], [3]);
});

test("one answer serves all single records that it has", async () => {
  const log = logOf([], 1_000, 450);
  const found = await new RangeReader(NO_KAFKA, log).readAt(TP, [10, 200, 300, 500, 900]);
  assert.equal(found.size, 5);
  assert.deepEqual(log.asked, [10, 500]);
});
