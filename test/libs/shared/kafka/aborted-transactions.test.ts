/** Records of aborted transactions, in whatever order the broker lists these, are not delivered; all others are. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type FetchedMessage,
  type FetchedPartition,
  hideAborted,
} from "../../../../libs/shared/kafka/aborted-transactions.ts";

type Given = {
  readonly messages: FetchedMessage[];
  readonly abortedTransactions: { producerId: string; firstOffset: string }[];
};

/** What kafkajs delivers of it in the end, by offset. */
function delivered(given: Given): string[] {
  const partition: FetchedPartition & { partition: number; highWatermark: string } = {
    ...given,
    partition: 0,
    highWatermark: "999",
  };
  hideAborted(partition);
  const Batch = createRequire(import.meta.url)("kafkajs/src/consumer/batch") as new (
    topic: string,
    offset: string,
    data: object,
  ) => { readonly messages: readonly FetchedMessage[]; lastOffset(): string };
  const first = given.messages[0]?.offset ?? "0";
  const batch = new Batch("topic", first, partition);
  assert.equal(batch.lastOffset(), given.messages.at(-1)?.offset, "the reader moves on behind all of it");
  return batch.messages.map(({ offset }) => offset);
}

function record(offset: number, producer: number): FetchedMessage {
  const batchContext = { producerId: String(producer), inTransaction: producer > 0 };
  return { offset: String(offset), key: Buffer.from([0, 0, 0, 0]), isControlRecord: false, batchContext };
}

function mark(offset: number, producer: number, type: "abort" | "commit"): FetchedMessage {
  const key = Buffer.from([0, 0, 0, type === "abort" ? 0 : 1]);
  return { ...record(offset, producer), key, isControlRecord: true };
}

const aborts = (...all: readonly (readonly [producer: number, first: number])[]) =>
  all.map(([producer, first]) => ({ producerId: String(producer), firstOffset: String(first) }));

describe("records of aborted transactions", () => {
  test("are not delivered where the broker lists last what began first", () => {
    const messages = [
      record(10, 1),
      record(11, 2),
      record(12, 1),
      mark(13, 2, "abort"),
      mark(14, 1, "abort"),
      record(15, 2),
    ];
    assert.deepEqual(delivered({ messages, abortedTransactions: aborts([2, 11], [1, 10]) }), ["15"]);
  });

  test("are not delivered where the fetch begins in the middle of several", () => {
    const messages = [record(20, 2), record(21, 1), record(22, 3), mark(23, 1, "abort"), mark(24, 2, "abort")];
    assert.deepEqual(delivered({ messages, abortedTransactions: aborts([1, 5], [2, 7]) }), ["22"]);
  });

  test("are hidden to the mark alone: what the same producer commits next is delivered", () => {
    const messages = [
      record(1, 1),
      mark(2, 1, "abort"),
      record(3, 1),
      mark(4, 1, "commit"),
      record(5, 1),
      mark(6, 1, "abort"),
    ];
    assert.deepEqual(delivered({ messages, abortedTransactions: aborts([1, 5], [1, 1]) }), ["3"]);
  });

  test("leave a reader that gets nothing else where it can go on", () => {
    assert.deepEqual(delivered({ messages: [record(1, 1), record(2, 1)], abortedTransactions: aborts([1, 1]) }), []);
  });

  test("any interleaving, fetched from anywhere: exactly what was committed, or is of no transaction", () => {
    const step = fc.record({ producer: fc.nat(4), what: fc.constantFrom("write", "write", "abort", "commit") });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (steps, part) => {
          const { log, fates, ended } = run(steps);
          const from = Math.floor(part * log.length);
          const messages = log.slice(from);
          fc.pre(messages.length > 0);
          const listed = ended
            .filter(({ last }) => last >= from)
            .map(({ producer, first }) => [producer, first] as const);
          const wanted = messages.filter(
            ({ offset, isControlRecord }) => isControlRecord !== true && fates.get(offset) !== "abort",
          );
          assert.deepEqual(
            delivered({ messages: messages.map((one) => ({ ...one })), abortedTransactions: aborts(...listed) }),
            wanted.map(({ offset }) => offset),
          );
        },
      ),
    );
  });
});

type Step = { readonly producer: number; readonly what: string };

/** A log as a broker has it: every transaction ended, the aborted ones listed by where they ended. Producer 0 has none. */
function run(steps: readonly Step[]) {
  const log: FetchedMessage[] = [];
  const fates = new Map<string, string>();
  const ended: { producer: number; first: number; last: number }[] = [];
  const open = new Map<number, number[]>();
  const end = (producer: number, type: "abort" | "commit"): void => {
    const offsets = open.get(producer);
    if (offsets === undefined) return;
    for (const offset of offsets) fates.set(String(offset), type);
    if (type === "abort") ended.push({ producer, first: offsets[0] as number, last: log.length });
    log.push(mark(log.length, producer, type));
    open.delete(producer);
  };
  for (const { producer, what } of steps) {
    if (what === "abort" || what === "commit") {
      end(producer, what);
      continue;
    }
    if (producer > 0) open.set(producer, [...(open.get(producer) ?? []), log.length]);
    log.push(record(log.length, producer));
  }
  for (const producer of [...open.keys()].reverse()) end(producer, "abort");
  return { log, fates, ended };
}
