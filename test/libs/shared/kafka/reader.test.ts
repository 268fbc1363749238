/** A reader whose consumer falls silent goes on with another, where it was. */
import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { EachBatchPayload, Kafka } from "kafkajs";
import { TopicReader } from "../../../../libs/shared/kafka/reader.ts";

type Listener = (event: { payload: { partition: number; lastOffset: string } }) => void;

/** Consumers that say nothing unless they are told to. */
class Consumers {
  readonly made: FakeConsumer[] = [];

  readonly kafka = {
    consumer: () => {
      const consumer = new FakeConsumer();
      this.made.push(consumer);
      return consumer;
    },
    admin: () => ({
      connect: async () => undefined,
      disconnect: async () => undefined,
      fetchTopicOffsets: async () => [{ partition: 0, low: "0", high: "4" }],
    }),
  } as unknown as Kafka;
}

class FakeConsumer {
  readonly events = { GROUP_JOIN: "join", END_BATCH_PROCESS: "end", FETCH: "fetch", HEARTBEAT: "beat" };
  readonly sought: string[] = [];
  disconnected = false;
  readonly #listeners = new Map<string, Listener>();
  #each: ((payload: EachBatchPayload) => Promise<void>) | undefined;

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, listener);
  }
  seek({ offset }: { readonly offset: string }): void {
    this.sought.push(offset);
  }
  async connect(): Promise<void> {}
  async subscribe(): Promise<void> {}
  async run({ eachBatch }: { readonly eachBatch: (payload: EachBatchPayload) => Promise<void> }): Promise<void> {
    this.#each = eachBatch;
  }
  async disconnect(): Promise<void> {
    this.disconnected = true;
  }
  tell(event: string, lastOffset = "0"): void {
    this.#listeners.get(event)?.({ payload: { partition: 0, lastOffset } });
  }
  async deliver(...offsets: readonly number[]): Promise<void> {
    const messages = offsets.map((offset) => ({ offset: String(offset), key: null, value: null, timestamp: "0" }));
    const batch = { topic: "t", partition: 0, messages };
    await this.#each?.({ batch, heartbeat: async () => undefined } as unknown as EachBatchPayload);
    this.tell("end", String(offsets.at(-1)));
  }
}

async function reading(work: (consumers: Consumers, read: number[], reader: TopicReader) => Promise<void>) {
  mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  const consumers = new Consumers();
  const read: number[] = [];
  const reader = new TopicReader(consumers.kafka, {
    topic: "t",
    from: { kind: "beginning" },
    until_end: false,
    records: (records) => {
      read.push(...records.map(({ offset }) => offset));
    },
  });
  try {
    await reader.start();
    await work(consumers, read, reader);
  } finally {
    await reader.stop();
    mock.timers.reset();
  }
}

const MINUTE_MS = 60_000;

describe("a reader", () => {
  test("whose consumer says nothing begins anew, and is at the end once that has read all", async () => {
    await reading(async ({ made }, read, reader) => {
      await made[0]?.deliver(0, 1);
      mock.timers.tick(MINUTE_MS);
      await turn();
      const [silent, other] = made;
      assert.equal(silent?.disconnected, true);
      other?.tell("join");
      assert.deepEqual(other?.sought, ["2"]);
      await other?.deliver(2, 3);
      assert.deepEqual([read, reader.caught_up], [[0, 1, 2, 3], true]);
    });
  });

  test("takes nothing from the one before", async () => {
    await reading(async ({ made }, read) => {
      mock.timers.tick(MINUTE_MS);
      await turn();
      await made[0]?.deliver(0, 1);
      assert.deepEqual(read, []);
      await made[1]?.deliver(0);
      assert.deepEqual(read, [0]);
    });
  });

  for (const sign of ["fetch", "beat"]) {
    test(`keeps a consumer that gives a sign of life: ${sign}`, async () => {
      await reading(async ({ made }) => {
        for (let second = 0; second < 90; second += 1) {
          made[0]?.tell(sign);
          mock.timers.tick(1_000);
        }
        assert.equal(made.length, 1);
      });
    });
  }
});
