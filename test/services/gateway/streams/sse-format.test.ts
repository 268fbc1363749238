/** Server-sent events as text: what a reader makes of them is what was meant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SseReader } from "../../../../bench/streams/sse-reader.ts";
import { sseRetry, sseText } from "../../../../services/gateway/streams/sse-format.ts";

test("an event is its fields, and an empty line", () => {
  assert.equal(sseText({ id: "1-0~-", event: "token", data: "{}" }), "id: 1-0~-\nevent: token\ndata: {}\n\n");
  assert.equal(sseText({ data: "a\nb\r\nc\rd" }), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  assert.equal(sseText({ data: "" }), "data: \n\n");
  assert.equal(sseRetry(1_000), "retry: 1000\n");
});

test("no text in it makes another event, or another field", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "\n", "\r", "\0", ":", " ", "data", "id: x") });
  fc.assert(
    fc.property(fc.array(fc.record({ id: text, event: text, data: text }), { maxLength: 5 }), (events) => {
      const reader = new SseReader();
      const read = reader.take(events.map(sseText).join(""));
      assert.deepEqual(
        read.map(({ data }) => data),
        events.map(({ data }) => data.replaceAll(/\r\n|\r/g, "\n")),
      );
      for (const { id, event } of read) assert.doesNotMatch(`${id}${event}`, /[\r\n\0]/);
    }),
  );
});
