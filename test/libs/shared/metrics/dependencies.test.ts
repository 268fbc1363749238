/** How long the parts take, and how full the pools are. One registry for the process: one test at a time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { sampleMetrics } from "../../../../libs/shared/beats/sampling.ts";
import { observeDependencies, showPool, timed } from "../../../../libs/shared/metrics/dependencies.ts";

test("calls are passed on while nobody asks, then measured by part and operation, also those that fail", async () => {
  assert.equal(await timed("redis", "call", async () => 7), 7);
  const registry = new Registry();
  observeDependencies(registry);
  assert.equal(await timed("redis", "call", async () => 8), 8);
  const away = new Error("away");
  await assert.rejects(
    timed("kafka", "produce", () => Promise.reject(away)),
    away,
  );
  const samples = await sampleMetrics(registry, ["sluice_dependency_seconds"]);
  const counts = samples.filter(({ name }) => name.endsWith("_count"));
  assert.deepEqual(
    counts.map(({ labels, value }) => [labels["dependency"], labels["operation"], value]),
    [
      ["redis", "call", 1],
      ["kafka", "produce", 1],
    ],
  );
});

test("pools of one name are one, and one that is closed is shown no more", async () => {
  const registry = new Registry();
  observeDependencies(registry);
  const shown = async (name: string): Promise<string[]> =>
    (await sampleMetrics(registry, [name])).map(({ labels, value }) => `${labels["pool"]} ${value}`);
  const hide = showPool("http:a", () => ({ in_use: 1, limit: 8, waiting: 2 }));
  const hideOther = showPool("http:a", () => ({ in_use: 3, limit: 8, waiting: 0 }));
  assert.deepEqual(await shown("sluice_pool_in_use"), ["http:a 4"]);
  assert.deepEqual(await shown("sluice_pool_limit"), ["http:a 16"]);
  assert.deepEqual(await shown("sluice_pool_waiting"), ["http:a 2"]);
  hide();
  assert.deepEqual(await shown("sluice_pool_in_use"), ["http:a 3"]);
  hideOther();
  assert.deepEqual(await shown("sluice_pool_in_use"), []);
});
