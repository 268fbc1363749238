import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { createKafka } from "../../../../libs/shared/kafka/client.ts";
import { encodeProduce, type ProduceArguments } from "../../../../libs/shared/kafka/produce-encoding.ts";
import { silentLog } from "../../../../libs/shared/log.ts";

const require = createRequire(import.meta.url);
type Theirs = (wanted: ProduceArguments) => { encode(): Promise<{ readonly buffer: Buffer }> };
const theirs = require("kafkajs/src/protocol/requests/produce/v3/request") as Theirs;
const NOW_MS = 1_795_000_000_000;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: "binary", maxLength: 40 });
const header = fc.oneof(text, bytes, fc.array(text, { maxLength: 3 }));
const message = fc.record({
  key: fc.option(fc.oneof(text, bytes), { nil: null }),
  value: fc.option(bytes, { nil: null }),
  headers: fc.option(fc.dictionary(text, header, { maxKeys: 4 }), { nil: undefined }),
});
const topic = fc.record({
  topic: fc.string({ minLength: 1, maxLength: 20 }),
  partitions: fc.array(
    fc.record({
      partition: fc.nat(64),
      firstSequence: fc.nat(),
      messages: fc.array(message, { minLength: 1, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});
const wanted: fc.Arbitrary<ProduceArguments> = fc.record({
  acks: fc.constantFrom(-1, 0, 1),
  timeout: fc.nat(60_000),
  compression: fc.constantFrom(0, 1),
  topicData: fc.array(topic, { minLength: 1, maxLength: 3 }),
  transactionalId: fc.option(text, { nil: null }),
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map(String),
  producerEpoch: fc.nat(32_767),
});

test("the bytes are those of kafkajs", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: NOW_MS });
  await fc.assert(
    fc.asyncProperty(wanted, async (one) => {
      const [ours, expected] = [await encodeProduce(one, NOW_MS), await theirs(one).encode()];
      assert.deepEqual(ours.buffer, expected.buffer);
    }),
    { numRuns: 200 },
  );
});

test("times of records are told from the first of them", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: NOW_MS });
  const messages = [0, 7, 90_000, 5_000_000_000].map((later) => ({
    value: Buffer.from("x"),
    timestamp: String(NOW_MS - 6_000_000_000 + later),
  }));
  const one = { acks: -1, timeout: 1, topicData: [{ topic: "t", partitions: [{ partition: 0, messages }] }] };
  assert.deepEqual((await encodeProduce(one, NOW_MS)).buffer, (await theirs(one).encode()).buffer);
});

test("records larger than a first guess are written whole", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: NOW_MS });
  const headers = { large: "é".repeat(5_000), other: "x".repeat(20_000) };
  const messages = [{ key: "k".repeat(3_000), value: Buffer.alloc(70_000, 7), headers }];
  const one = { acks: -1, timeout: 1, topicData: [{ topic: "t", partitions: [{ partition: 0, messages }] }] };
  assert.deepEqual((await encodeProduce(one, NOW_MS)).buffer, (await theirs(one).encode()).buffer);
});

test("a client's requests are encoded so", async () => {
  createKafka({ brokers: ["127.0.0.1:1"], client_id: "test", log: silentLog });
  const { protocol } = require("kafkajs/src/protocol/requests/produce") as {
    protocol(options: { version: number }): (wanted: ProduceArguments) => {
      request: { apiName: string; apiVersion: number; encode(): Promise<{ readonly buf: Buffer }> };
    };
  };
  const messages = [{ value: Buffer.from("x"), timestamp: String(NOW_MS) }];
  const one = { acks: -1, timeout: 1, topicData: [{ topic: "t", partitions: [{ partition: 0, messages }] }] };
  const { request } = protocol({ version: 7 })(one);
  assert.deepEqual([request.apiName, request.apiVersion], ["Produce", 7]);
  assert.deepEqual((await request.encode()).buf, (await encodeProduce(one, NOW_MS)).buffer);
});
