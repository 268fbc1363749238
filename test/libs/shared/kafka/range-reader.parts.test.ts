/** Stretches of a real log: transactions committed, aborted and open, records that were deleted, times. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Kafka } from "kafkajs";
import { createKafka } from "../../../../libs/shared/kafka/client.ts";
import { RangeReader } from "../../../../libs/shared/kafka/range-reader.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { until } from "../../../support/until.ts";

const BROKERS = process.env["KAFKA_BROKERS"];

describe("ranges of a real topic", { skip: BROKERS === undefined ? "KAFKA_BROKERS names no Kafka" : false }, () => {
  const topic = `ranges-${randomBytes(4).toString("hex")}`;
  const TP = { topic, partition: 0 };
  let kafka: Kafka;
  let reader: RangeReader;

  before(async () => {
    kafka = createKafka({ brokers: (BROKERS ?? "").split(","), client_id: topic, log: silentLog });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
    await admin.disconnect();
    reader = new RangeReader(kafka);
  });
  after(() => reader.close());

  /** Values are the numbers from `from` on. */
  const messages = (from: number, count: number, time_ms: number) =>
    Array.from({ length: count }, (_, at) => ({
      ...{ key: `k${from + at}`, value: String(from + at), partition: 0 },
      timestamp: String(time_ms),
    }));

  async function write(from: number, count: number, time_ms: number): Promise<void> {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: messages(from, count, time_ms) });
    await producer.disconnect();
  }

  async function transact(
    from: number,
    count: number,
    end: "commit" | "abort" | "leave",
  ): Promise<() => Promise<void>> {
    const producer = kafka.producer({ transactionalId: `${topic}-${from}`, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: messages(from, count, 3_000) });
    const close = async (): Promise<void> => {
      if (end === "leave" || end === "abort") await transaction.abort();
      else await transaction.commit();
      await producer.disconnect();
    };
    if (end === "leave") return close;
    await close();
    return async () => undefined;
  }

  /** A transaction's mark is written some time after it was ended. */
  async function ends(end: number): Promise<void> {
    await until(`the end is ${end}`, async () => (await reader.bounds(topic)).get(0)?.end === end);
  }

  async function values(from: number, to: number): Promise<number[]> {
    const found: number[] = [];
    for await (const records of reader.read({ ...TP, from, to })) {
      found.push(...records.map(({ value }) => Number(value?.toString())));
    }
    return found;
  }

  const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);

  test("a topic that is not there is named", async () => {
    await assert.rejects(reader.bounds(`${topic}-none`), { code: "usage", message: /there is no topic/ });
  });

  test("reads what was committed, to the end, of which an open transaction is no part", async () => {
    await write(0, 2_000, 1_000);
    await transact(10_000, 50, "commit");
    await ends(2_051);
    await transact(20_000, 50, "abort");
    await ends(2_102);
    await write(2_000, 10, 2_000);
    await transact(30_000, 5, "commit");
    await ends(2_118);
    const { low, end } = (await reader.bounds(topic)).get(0) ?? { low: -1, end: -1 };
    assert.deepEqual([low, end], [0, 2_118]);
    const all = [...numbers(0, 2_000), ...numbers(10_000, 50), ...numbers(2_000, 10), ...numbers(30_000, 5)];
    assert.deepEqual(await values(low, end), all);
    assert.deepEqual(await values(1_990, 2_005), [...numbers(1_990, 10), ...numbers(10_000, 5)]);
    assert.deepEqual(await values(2_051, 2_102), [], "nothing but what was aborted");

    const close = await transact(40_000, 5, "leave");
    await write(5_000, 5, 4_000);
    const bounds = await reader.bounds(topic);
    assert.equal(bounds.get(0)?.end, end, "what follows is not decided yet");
    assert.deepEqual(bounds.get(1), { low: 0, end: 0 });
    await close();
    await ends(end + 11);
    assert.deepEqual(await values(end, (await reader.bounds(topic)).get(0)?.end ?? 0), numbers(5_000, 5));
  });

  test("finds single records, and the first of a time", async () => {
    const found = await reader.readAt(TP, [1_999, 5, 2_050, 2_060, 7]);
    assert.deepEqual([...found.values()].map(({ value }) => Number(value?.toString())).sort(), [1_999, 5, 7]);
    assert.equal((await reader.at(topic, 2_000)).get(0), 2_000);
    assert.equal((await reader.at(topic, Date.now() + 60_000)).get(0), undefined);
    assert.equal((await reader.at(topic, 1_000)).get(1), undefined);
  });

  test("begins behind what was deleted", async () => {
    const admin = kafka.admin();
    try {
      await admin.connect();
      // It needs to know the topic's leaders, and does not ask.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "1990" }] });
    } finally {
      await admin.disconnect();
    }
    assert.equal((await reader.bounds(topic)).get(0)?.low, 1_990);
    assert.deepEqual(await values(0, 1_995), numbers(1_990, 5));
    assert.deepEqual(await values(0, 1_980), []);
    assert.equal((await reader.readAt(TP, [3])).size, 0);
  });
});
