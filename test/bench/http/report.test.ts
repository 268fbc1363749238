import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../../../bench/http/measure.ts";
import { figures } from "../../../bench/http/report.ts";
import { met } from "../../../bench/support/report.ts";

function row(contender: Row["contender"], connections: number, values: Partial<Row> & { p50?: number } = {}): Row {
  const { p50 = 20, ...rest } = values;
  const latency_ms = { p50, p95: p50, p99: p50, max: p50 };
  const cpu = { cpu_ms_per_request: 1, load_cpu_ms_per_request: 0.1, processes: [] };
  return { contender, connections, requests: 100, errors: 0, per_s: 100, latency_ms, ...cpu, ...rest };
}

test("throughput is held against the peer's at the most connections", () => {
  const rows = [
    row("portkey", 32, { per_s: 900 }),
    row("portkey", 256, { per_s: 800 }),
    row("sluice", 256, { per_s: 800 }),
  ];
  const [first] = figures(rows);
  assert.ok(first);
  assert.deepEqual(first.target, { at_least: 800 });
  assert.equal(met(first), true);
});

test("latency is what comes on top of the mock's own at the fewest connections", () => {
  const rows = [row("mock", 32, { p50: 21 }), row("sluice", 32, { p50: 37 }), row("sluice", 256, { p50: 300 })];
  const added = figures(rows).find(({ name }) => name.startsWith("p50"));
  assert.equal(added?.value, 16);
  assert.equal(added && met(added), false);
});

test("one wrong answer of anybody misses the target", () => {
  const last = figures([row("mock", 32), row("portkey", 32, { errors: 1 })]).at(-1);
  assert.equal(last && met(last), false);
});

test("what was not measured has no figure", () => {
  assert.deepEqual(
    figures([row("sluice", 256)]).map(({ name }) => name),
    ["wrong or missing answers"],
  );
});
