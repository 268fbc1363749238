import assert from "node:assert/strict";
import { test } from "node:test";
import { matches, type ReadValue, readValue, recordJson, recordLine } from "../../cli/output/record.ts";
import { answerText } from "../../cli/output/result.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { frame } from "../../libs/shared/events/wire.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";

const RESULT: Result = {
  id: "r1",
  tenant: "demo",
  status: "succeeded",
  timing: {},
  response: { choices: [{ message: { role: "assistant", content: "Yes,\nindeed" } }] },
};

const codec: EventCodec = {
  encode: () => Buffer.alloc(0),
  decode: async () => ({ kind: "unreadable", code: "not_json", message: "no JSON" }),
};

function record(value: Buffer | null, headers: Record<string, string> = {}): InRecord {
  return { topic: "llm.results", partition: 1, offset: 7, key: Buffer.from("k"), value, headers, timestamp_ms: 0 };
}

async function read(value: Buffer | null): Promise<ReadValue> {
  return readValue(codec, record(value));
}

test("values are read whether framed, plain, absent or broken", async () => {
  const json = Buffer.from(JSON.stringify(RESULT));
  assert.deepEqual(await read(json), { kind: "json", json: RESULT });
  assert.deepEqual(await read(frame(3, json)), { kind: "json", json: RESULT });
  assert.deepEqual(await read(null), { kind: "none" });
  assert.deepEqual(await read(Buffer.from("hey")), { kind: "text", text: "hey", problem: "no JSON" });
});

test("filters: all that is asked for must fit", () => {
  const value: ReadValue = { kind: "json", json: RESULT };
  const at = record(Buffer.from("{}"), { "sluice-error-code": "not_json" });
  for (const wanted of [
    {},
    { tenant: "demo" },
    { id: "r1", status: "succeeded" },
    { id: "k" },
    { grep: "INDEED" },
    { grep: "not_json" },
  ]) {
    assert.equal(matches(wanted, at, value), true, JSON.stringify(wanted));
  }
  for (const unwanted of [{ tenant: "other" }, { id: "r2" }, { tenant: "demo", status: "failed" }, { grep: "maybe" }]) {
    assert.equal(matches(unwanted, at, value), false, JSON.stringify(unwanted));
  }
});

test("a line for scripts holds all of a record", () => {
  assert.deepEqual(JSON.parse(recordJson(record(null, { a: "b" }), { kind: "none" })), {
    topic: "llm.results",
    partition: 1,
    offset: 7,
    timestamp_ms: 0,
    key: "k",
    headers: { a: "b" },
    value: null,
  });
});

test("a line for people: results, dead letters, requests, deletions", () => {
  const line = (json: unknown, headers: Record<string, string> = {}) =>
    recordLine(record(Buffer.from("{}"), headers), { kind: "json", json }, 200);
  assert.match(line(RESULT), /^00:00:00\.000 1@7 +r1 +succeeded +- +- +- +Yes, indeed$/);
  const dead = {
    "sluice-error-code": "not_json",
    "sluice-service": "ingest",
    "kafka_dlt-original-topic": "llm.requests",
    "kafka_dlt-original-partition": "0",
    "kafka_dlt-original-offset": "4",
    "kafka_dlt-exception-message": "the value is no JSON",
  };
  assert.match(line({}, dead), /not_json \(ingest, from llm\.requests 0@4\): the value is no JSON/);
  const request = { tenant: "demo", lane: "batch", body: { messages: [{ role: "user", content: "Why?" }] } };
  assert.match(line(request), /k demo batch: Why\?$/);
  assert.match(recordLine(record(null), { kind: "none" }, 80), /k deleted$/);
});

test("answers as text", () => {
  const of = (response: Record<string, unknown>) => answerText({ ...RESULT, response });
  assert.equal(of({ data: [{ embedding: [1, 2, 3] }] }), "1 vector, 3 dimensions");
  assert.equal(of({ data: [{ embedding: [1] }, { embedding: [1] }] }), "2 vectors, 1 dimensions");
  const call = { function: { name: "weather", arguments: '{"place":"Tartu"}' } };
  assert.equal(of({ choices: [{ message: { content: null, tool_calls: [call] } }] }), 'weather({"place":"Tartu"})');
  const error = { code: "model_unknown", type: "invalid_request_error", message: "no such model" };
  assert.equal(answerText({ ...RESULT, status: "rejected", error }), "model_unknown: no such model");
});
