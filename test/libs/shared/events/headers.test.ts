/** What travels from hop to hop, and what a dead letter says. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SluiceError } from "../../../../libs/shared/errors.ts";
import { deadLetter, deadLetterOf } from "../../../../libs/shared/events/dead-letters.ts";
import { deadLetterHeaders, traceHeaders, travellingHeaders } from "../../../../libs/shared/events/headers.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";

const record: InRecord = {
  topic: "llm.requests",
  partition: 3,
  offset: 42,
  key: Buffer.from("k"),
  value: Buffer.from([0xff, 0x00, 0x7b]),
  headers: { traceparent: "00-a-b-01", tracestate: "s=1", "sluice-reply-to": "gateway-1", "x-own": "mine" },
  timestamp_ms: 1_700_000_000_000,
};
const writer = { service: "ingest", group: "sluice.ingest", topic: "llm.dlq" };

describe("headers", () => {
  test("trace context and who waits travel; nothing else does", () => {
    assert.deepEqual(travellingHeaders(record.headers), {
      traceparent: "00-a-b-01",
      tracestate: "s=1",
      "sluice-reply-to": "gateway-1",
    });
    const set_by_us = { "sluice-key-id": "k1", "sluice-ratelimit": "r=9,8,7" };
    assert.deepEqual(travellingHeaders({ ...set_by_us, "sluice-due-ms": "5" }), set_by_us);
    assert.deepEqual(traceHeaders(record.headers), { traceparent: "00-a-b-01", tracestate: "s=1" });
    assert.deepEqual(travellingHeaders({}), {});
    assert.deepEqual(travellingHeaders({ "sluice-carried-at": "12" }), {}, "an offset is of one value alone");
  });

  test("a dead letter keeps its own headers and says where it came from and why", () => {
    assert.deepEqual(deadLetterHeaders(record, { ...writer, code: "not_json", message: "no JSON" }), {
      ...record.headers,
      "kafka_dlt-original-topic": "llm.requests",
      "kafka_dlt-original-partition": "3",
      "kafka_dlt-original-offset": "42",
      "kafka_dlt-original-timestamp": "1700000000000",
      "kafka_dlt-original-consumer-group": "sluice.ingest",
      "kafka_dlt-exception-message": "no JSON",
      "sluice-error-code": "not_json",
      "sluice-service": "ingest",
    });
  });

  test("a message without end is cut", () => {
    const headers = deadLetterHeaders(record, { ...writer, code: "c", message: "x".repeat(10_000) });
    assert.equal(headers["kafka_dlt-exception-message"]?.length, 2_000);
  });

  test("a dead letter is the original, untouched", () => {
    const letter = deadLetter(writer, record, "not_json", "no JSON");
    assert.equal(letter.topic, "llm.dlq");
    assert.equal(letter.key, record.key);
    assert.equal(letter.value, record.value);
    assert.equal(deadLetter(writer, { ...record, key: null, value: null }, "c", "m").value, null);
  });

  test("an error of ours names its code, any other is internal", () => {
    const codeOf = (error: unknown) => deadLetterOf(writer, record, error).headers?.["sluice-error-code"];
    assert.equal(codeOf(new SluiceError("message_too_large", "m")), "message_too_large");
    assert.equal(codeOf(new TypeError("bug")), "internal_error");
    assert.equal(codeOf("thrown text"), "internal_error");
  });
});
