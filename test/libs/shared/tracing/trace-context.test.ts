import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  contextHeaders,
  contextOf,
  linkHeader,
  linkOf,
  parseTraceparent,
  traceFields,
  traceparentOf,
} from "../../../../libs/shared/tracing/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;

describe("W3C trace context", () => {
  for (const [text, sampled] of [
    [PARENT, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-03`, true],
    [`00-${TRACE}-${SPAN}-02`, false],
    [`cc-${TRACE}-${SPAN}-01`, true],
    [`cc-${TRACE}-${SPAN}-01-later`, true],
  ] as const) {
    test(`${text} is read`, () => {
      assert.deepEqual(parseTraceparent(text), { trace_id: TRACE, span_id: SPAN, sampled });
    });
  }

  for (const text of [
    undefined,
    "",
    "t",
    "00-a-b-01",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `01-${TRACE}-${SPAN}-01-${"x".repeat(200)}`,
  ]) {
    test(`${text?.slice(0, 70)} is none`, () => assert.equal(parseTraceparent(text), undefined));
  }

  test("is written as it was read, with the vendors' own", () => {
    const headers = { traceparent: PARENT, tracestate: "vendor=own", other: "x" };
    const context = contextOf(headers);
    assert.ok(context);
    assert.equal(traceparentOf(context), PARENT);
    assert.deepEqual(contextHeaders(context), { traceparent: PARENT, tracestate: "vendor=own" });
    assert.equal(contextOf({ ...headers, tracestate: "x".repeat(513) })?.tracestate, undefined);
    assert.equal(contextOf({ tracestate: "vendor=own" }), undefined);
  });

  test("gives log lines their fields, and none where there is none", () => {
    assert.deepEqual(traceFields({ traceparent: PARENT }), { trace_id: TRACE, span_id: SPAN });
    assert.deepEqual(traceFields({ traceparent: "t" }), {});
  });
});

describe("the link of what is sent once more", () => {
  test("names what it was, where that was in a trace", () => {
    const header = linkHeader("redrive", { traceparent: PARENT });
    assert.deepEqual(header, { "sluice-trace-link": `redrive ${PARENT}` });
    assert.deepEqual(linkOf(header), { reason: "redrive", context: parseTraceparent(PARENT) });
    assert.deepEqual(linkHeader("redrive", { traceparent: "t" }), {});
  });

  for (const text of [`retry ${PARENT}`, PARENT, "redrive", "redrive t", `replay ${PARENT} more`]) {
    test(`"${text.slice(0, 20)}…" is none`, () => assert.equal(linkOf({ "sluice-trace-link": text }), undefined));
  }
});
