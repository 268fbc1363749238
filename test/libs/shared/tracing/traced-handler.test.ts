import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { asFailed } from "../../../../libs/shared/tracing/failed-records.ts";
import type { Sampling } from "../../../../libs/shared/tracing/sampling.ts";
import type { Span } from "../../../../libs/shared/tracing/span.ts";
import { contextOf, parseTraceparent } from "../../../../libs/shared/tracing/trace-context.ts";
import { type TracedHop, traced } from "../../../../libs/shared/tracing/traced-handler.ts";
import { Tracing } from "../../../../libs/shared/tracing/tracing.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
const HOP: TracedHop = { group: "sluice.router", log: silentLog };
const CONTEXT = { isAssigned: () => true, stopping: new AbortController().signal };

function record(headers: Readonly<Record<string, string>> = {}, offset = 7): InRecord {
  return {
    topic: "llm.admitted",
    partition: 2,
    offset,
    key: null,
    value: Buffer.from("secret words"),
    headers,
    timestamp_ms: 5,
  };
}

function world(sampling: Sampling = { share: 1, by_parent: true }) {
  const spans: Span[] = [];
  let now_ms = 1_000;
  let seed = 0;
  const tracing = new Tracing({
    sampling,
    now_ms: () => now_ms++,
    random: () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    },
    ended: (span) => spans.push(span),
  });
  const seen: InRecord[] = [];
  const handle = (records: readonly InRecord[], hop = HOP, fails?: Error): Promise<void> =>
    traced(tracing, hop, async (given) => {
      seen.push(...given);
      if (fails !== undefined) throw fails;
    })(records, CONTEXT);
  return { tracing, spans, seen, handle };
}

describe("a traced handler", () => {
  test("is the handler itself where there are no traces", () => {
    const handler = async (): Promise<void> => undefined;
    assert.equal(traced(undefined, HOP, handler), handler);
  });

  test("gives each record a span that is the parent of what is written from it", async () => {
    const { tracing, spans, seen, handle } = world();
    await handle([record({ traceparent: PARENT, tracestate: "v=1", own: "x" }), record({}, 8)]);
    const [first, second] = spans;
    assert.equal(first?.context.trace_id, TRACE);
    assert.deepEqual(first?.parent, { ...parseTraceparent(PARENT), tracestate: "v=1" });
    assert.deepEqual(contextOf(seen[0]?.headers ?? {}), first?.context);
    assert.deepEqual([seen[0]?.headers["own"], seen[0]?.headers["tracestate"]], ["x", "v=1"]);
    assert.equal(second?.parent, undefined);
    assert.notEqual(second?.context.trace_id, TRACE);
    assert.equal(first?.name, "process llm.admitted");
    assert.deepEqual(first?.attributes, {
      "messaging.system": "kafka",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": "llm.admitted",
      "messaging.destination.partition.id": "2",
      "messaging.kafka.offset": 7,
      "messaging.consumer.group.name": "sluice.router",
      "messaging.message.body.size": 12,
      "sluice.written_ms": 5,
    });
    assert.equal(tracing.open, 0);
  });

  test("passes on what is not sampled as it came, without a span", async () => {
    const { spans, seen, handle } = world();
    const quiet = record({ traceparent: PARENT.replace(/01$/, "00") });
    await handle([quiet]);
    assert.equal(seen[0], quiet);
    assert.deepEqual(spans, []);
  });

  test("tells the next hops of a trace that begins unsampled", async () => {
    const { spans, seen, handle } = world({ share: 0, by_parent: true });
    await handle([record()]);
    assert.equal(contextOf(seen[0]?.headers ?? {})?.sampled, false);
    assert.deepEqual(spans, []);
  });

  test("names what failed by its code, and what is written of the record then by the span", async () => {
    const { spans, seen, handle } = world();
    const given = record({ traceparent: PARENT });
    const error = Object.assign(new Error("secret words"), { code: "dependency_unavailable" });
    await assert.rejects(handle([given], HOP, error), error);
    assert.equal(spans[0]?.error, "dependency_unavailable");
    assert.doesNotMatch(JSON.stringify(spans), /secret/);
    assert.equal(asFailed(given), seen[0]);
    await handle([given]);
    assert.equal(spans[1]?.parent?.span_id, spans[0]?.parent?.span_id);
    assert.notEqual(spans[1]?.context.span_id, spans[0]?.context.span_id);
  });

  for (const comes_back of ["retry", "deferral"] as const) {
    test(`links what comes back (${comes_back}) with the span that sent it away, in the same trace`, async () => {
      const { spans, handle } = world();
      await handle([record({ traceparent: PARENT }), record()], { ...HOP, comes_back });
      assert.equal(spans[0]?.context.trace_id, TRACE);
      assert.deepEqual(spans[0]?.links, [
        { context: parseTraceparent(PARENT), attributes: { "sluice.link.reason": comes_back } },
      ]);
      assert.deepEqual(spans[1]?.links, []);
    });
  }

  test("begins a trace for what is sent once more, and links the one it was in", async () => {
    const { spans, seen, handle } = world();
    await handle([record({ traceparent: PARENT, tracestate: "v=1", "sluice-trace-link": `redrive ${PARENT}` })], {
      ...HOP,
      comes_back: "retry",
    });
    assert.equal(spans[0]?.parent, undefined);
    assert.notEqual(spans[0]?.context.trace_id, TRACE);
    assert.deepEqual(spans[0]?.links, [
      { context: parseTraceparent(PARENT), attributes: { "sluice.link.reason": "redrive" } },
    ]);
    assert.deepEqual(Object.keys(seen[0]?.headers ?? {}), ["traceparent"]);
  });

  test("has a bound on links", async () => {
    const { tracing } = world();
    const context = parseTraceparent(PARENT);
    assert.ok(context);
    const links = Array.from({ length: 200 }, () => ({ context, reason: "batch" as const }));
    const { span } = tracing.begin({ name: "call", kind: "client", links });
    assert.deepEqual([span?.links.length, span?.links_dropped], [128, 72]);
  });
});
