/** A choice of the metrics, as samples. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { sampleMetrics } from "../../../../libs/shared/beats/sampling.ts";

test("counters and gauges as they stand, histograms as sum and count, and nothing else", async () => {
  const registers = [new Registry()];
  new Counter({ name: "a_total", help: "a", labelNames: ["tier"], registers }).inc({ tier: "small" }, 3);
  new Gauge({
    ...{ name: "b", help: "b", registers },
    collect() {
      this.set(7);
    },
  });
  const wait = new Histogram({ name: "c_seconds", help: "c", labelNames: ["reason"], buckets: [1, 2], registers });
  for (const seconds of [0.5, 5]) wait.observe({ reason: "limit" }, seconds);
  new Gauge({ name: "unasked", help: "d", registers }).set(1);
  assert.deepEqual(await sampleMetrics(registers[0] as Registry, ["a_total", "b", "c_seconds", "away"]), [
    { name: "a_total", labels: { tier: "small" }, value: 3 },
    { name: "b", labels: {}, value: 7 },
    { name: "c_seconds_sum", labels: { reason: "limit" }, value: 5.5 },
    { name: "c_seconds_count", labels: { reason: "limit" }, value: 2 },
  ]);
});

test("the process's CPU time is as of now, though another metric sets it", async () => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const cpu = async (): Promise<number> =>
    (await sampleMetrics(registry, ["process_cpu_seconds_total"]))[0]?.value ?? Number.NaN;
  const before = await cpu();
  const used = process.cpuUsage();
  while (process.cpuUsage(used).user < 20_000);
  assert.ok((await cpu()) >= before + 0.02);
});
