/** Server-sent events, by the examples and rules of the HTML Standard, however the bytes are cut. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ServerSentEvent, SseParser } from "../../../../services/inference/streaming/sse.ts";

function parse(chunks: readonly Uint8Array[], event_bytes_max = 1_000): ServerSentEvent[] {
  const parser = new SseParser(event_bytes_max);
  return chunks.flatMap((chunk) => parser.push(chunk));
}

const whole = (text: string, bytes_max?: number) => parse([Buffer.from(text)], bytes_max);
const datas = (text: string) => whole(text).map(({ data }) => data);

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const rows: readonly (readonly [what: string, text: string, data: readonly string[]])[] = [
  ["data lines are joined", "data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]],
  ["a comment is nothing", ": test stream\n\ndata: one\nid: 1\n\n:keep-alive\n\n", ["one"]],
  ["empty data are data", "data\n\ndata\ndata\n\ndata:", ["", "\n"]],
  ["one space after the colon goes", "data:test\n\ndata: test\n\ndata:  test\n\n", ["test", "test", " test"]],
  ["every line end counts", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"]],
  ["mixed line ends too", "data: a\r\ndata: b\r\ndata: c\n\r\n", ["a\nb\nc"]],
  ["an event without data is none", "event: ping\n\ndata: a\n\n", ["a"]],
  ["unknown fields and white space are not data", " data: a\nDATA: b\ndatax: c\nretry: 5\n\n", []],
  ["what the end leaves unfinished is dropped", "data: a\n\ndata: b\n", ["a"]],
  ["a byte order mark goes, once", "\uFEFFdata: a\n\n\uFEFFdata: b\n\n", ["a"]],
  ["a colon in the data stays", 'data: {"a":1}\n\n', ['{"a":1}']],
];

describe("server-sent events", () => {
  for (const [what, text, data] of rows) test(what, () => assert.deepEqual(datas(text), data));

  test("carry their type, for one event only", () => {
    assert.deepEqual(whole("event: error\ndata: a\n\ndata: b\n\n"), [
      { type: "error", data: "a" },
      { type: "message", data: "b" },
    ]);
  });

  test("are the same however the stream is cut, line ends and UTF-8 sequences included", () => {
    const piece = fc.constantFrom(
      "data",
      ": ",
      ":",
      "é",
      "🙂",
      "\r",
      "\n",
      "\r\n",
      "event",
      "x",
      "\uFEFF",
      "data: ü\n\n",
    );
    const text = fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join("")));
    const places = fc.array(fc.nat(400), { maxLength: 30 });
    const limit = fc.constantFrom(5, 20, 1_000);
    fc.assert(
      fc.property(text, places, limit, (bytes, at, bytes_max) => {
        assert.deepEqual(parse(cut(bytes, at), bytes_max), parse([bytes], bytes_max));
      }),
      { numRuns: 500 },
    );
  });

  test("come out as they went in", () => {
    const data = fc.string({ unit: "grapheme", maxLength: 30 }).filter((text) => !text.includes("\r"));
    fc.assert(
      fc.property(fc.array(data, { maxLength: 8 }), fc.constantFrom("\n", "\r", "\r\n"), (list, end) => {
        const lines = list.map(
          (one) =>
            one
              .split("\n")
              .map((line) => `data: ${line}${end}`)
              .join("") + end,
        );
        assert.deepEqual(
          whole(lines.join("")).map((event) => event.data),
          list,
        );
      }),
    );
  });

  test("may not be without end: in one line, in many, in comments", () => {
    for (const endless of ["data: 0123456789", "data: 0\n".repeat(4), `:${"x".repeat(20)}`]) {
      const parser = new SseParser(12);
      assert.deepEqual(parser.push(Buffer.from(`data: a\n\n${endless}`)), [{ type: "message", data: "a" }]);
      assert.equal(parser.overflowed, true);
      assert.deepEqual(parser.push(Buffer.from("\n\ndata: b\n\n")), []);
    }
  });

  test("keep nothing of a chunk that is used again", () => {
    const parser = new SseParser(100);
    const chunk = Buffer.from("data: a");
    parser.push(chunk);
    chunk.fill("z");
    assert.deepEqual(parser.push(Buffer.from("\n\n")), [{ type: "message", data: "a" }]);
  });
});
