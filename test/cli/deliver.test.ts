import assert from "node:assert/strict";
import { test } from "node:test";
import type { IdentifiedRequest } from "../../cli/requests/build.ts";
import { type DeliverOptions, deliver, type Item } from "../../cli/requests/deliver.ts";
import { SluiceError, unavailable } from "../../libs/shared/errors.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";

const item = (id: string): Item => ({ ok: true, where: `line of ${id}`, request: request(id) });
const request = (id: string): IdentifiedRequest => ({ tenant: "t", id, body: { messages: [{ role: "user" }] } });
const result = (id: string): Result => ({ id, tenant: "t", status: "succeeded", timing: {} });

async function* from(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

/** A job on virtual time; `publish` sees the records and the results' channel. */
function job(publish: (records: readonly OutRecord[], deliver: (result: Result) => Promise<void>) => Promise<void>) {
  let time_ms = 0;
  let channel: (result: Result) => Promise<void> = async () => undefined;
  const told: string[] = [];
  const controller = new AbortController();
  const options: DeliverOptions = {
    publish: (records) => publish(records, (one) => channel(one)),
    recordOf: ({ id }) => ({ topic: "requests", key: id, value: Buffer.from(id) }),
    watch: async (deliverResult) => {
      channel = deliverResult;
    },
    timeout_ms: 1_000,
    now_ms: () => time_ms,
    sleep: async (duration_ms) => {
      time_ms += duration_ms;
    },
    signal: controller.signal,
    on: {
      bad: (where, reason) => void told.push(`bad ${where}: ${reason}`),
      sent: ({ id }) => void told.push(`sent ${id}`),
      result: ({ id }) => void told.push(`result ${id}`),
      late: (id) => void told.push(`late ${id}`),
      progress: () => undefined,
    },
  };
  return { options, told, controller, time: () => time_ms };
}

test("bad items are told of, the rest is sent and answered", async () => {
  const { options, told } = job(async (records, answer) => {
    for (const { key } of records) await answer(result(String(key)));
  });
  const bad: Item = { ok: false, where: "line 2", reason: "no" };
  const summary = await deliver(from([item("a"), bad, item("b")]), options);
  assert.equal(summary.read, 3);
  assert.equal(summary.sent, 2);
  assert.equal(summary.bad, 1);
  assert.deepEqual(summary.by_status, { succeeded: 2 });
  assert.deepEqual(told.toSorted(), ["bad line 2: no", "result a", "result b", "sent a", "sent b"]);
});

test("what is not answered in time is given up, by name", async () => {
  const { options, told, time } = job(async () => undefined);
  const summary = await deliver(from([item("a")]), options);
  assert.equal(summary.unanswered, 1);
  assert.ok(told.includes("late a"));
  assert.ok(time() >= 1_000 && time() < 1_200);
});

test("a record that is too large costs itself only; a broker that is away ends the job", async () => {
  const large = job(async ([record]) => {
    if (record?.key === "big") throw new SluiceError("message_too_large", "too large");
  });
  const { watch: _, ...unwatched } = large.options;
  const summary = await deliver(from([item("big"), item("b")]), unwatched);
  assert.deepEqual([summary.sent, summary.bad], [1, 1]);
  const away = job(() => Promise.reject(unavailable("kafka", "away")));
  await assert.rejects(deliver(from([item("a")]), away.options), { code: "dependency_unavailable" });
});

test("a rate is kept", async () => {
  const { options, time } = job(async (records, answer) => {
    for (const { key } of records) await answer(result(String(key)));
  });
  await deliver(from(Array.from({ length: 21 }, (_, index) => item(`i${index}`))), { ...options, rate: 10 });
  assert.ok(time() >= 2_000 && time() < 2_200, String(time()));
});

test("no more than the bound is waited for at one time", async () => {
  const waiting: string[] = [];
  let most = 0;
  let answer: ((result: Result) => Promise<void>) | undefined;
  const { options } = job(async (records, channel) => {
    answer = channel;
    waiting.push(...records.map(({ key }) => String(key)));
    most = Math.max(most, waiting.length);
  });
  const { sleep } = options;
  const summary = await deliver(from(Array.from({ length: 12_000 }, (_, index) => item(`i${index}`))), {
    ...options,
    sleep: async (duration_ms) => {
      await sleep(duration_ms);
      for (const id of waiting.splice(0)) await answer?.(result(id));
    },
  });
  assert.equal(summary.by_status["succeeded"], 12_000);
  assert.ok(most <= 5_000, String(most));
});

test("a stop sends what is in hand and reads no further", async () => {
  const { options, controller } = job(async () => controller.abort());
  const summary = await deliver(from([item("a"), item("b"), item("c")]), options);
  assert.ok(summary.sent < 3);
  assert.equal(summary.unanswered, summary.sent);
});
