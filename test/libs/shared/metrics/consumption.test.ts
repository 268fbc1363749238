/** What a service's groups have in hand, as metrics. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { sampleMetrics } from "../../../../libs/shared/beats/sampling.ts";
import type { ConsumptionStats } from "../../../../libs/shared/kafka/consumption.ts";
import { observeGroups } from "../../../../libs/shared/metrics/consumption.ts";

const STATS: ConsumptionStats = {
  ...{ in_flight: 3, in_flight_limit: 8, busy_ms: 1_500, done: 40, queued: 5, queued_bytes: 500 },
  ...{ partitions: 6, restarts: 1, oldest_unfinished_ms: new Map([["t", 9_000]]), lag: new Map([["t", 12]]) },
};

test("each group has its own, the process their sum", async () => {
  const registry = new Registry();
  const other = { ...STATS, in_flight: 1, in_flight_limit: 2, oldest_unfinished_ms: new Map(), lag: new Map() };
  const groups = new Map([
    ["a", { stats: () => STATS }],
    ["b", { stats: () => other }],
  ]);
  observeGroups(registry, groups, { now_ms: () => 10_000 });
  const values = async (name: string): Promise<string[]> =>
    (await sampleMetrics(registry, [name])).map(({ labels, value }) => [...Object.values(labels), value].join(" "));
  assert.deepEqual(await values("sluice_in_flight"), ["4"]);
  assert.deepEqual(await values("sluice_in_flight_limit"), ["10"]);
  assert.deepEqual(await values("sluice_group_in_flight"), ["a 3", "b 1"]);
  assert.deepEqual(await values("sluice_group_in_flight_limit"), ["a 8", "b 2"]);
  assert.deepEqual(await values("sluice_records_done_total"), ["a 40", "b 40"]);
  assert.deepEqual(await values("sluice_records_done_total"), ["a 40", "b 40"], "asked again, it is no more");
  assert.deepEqual(await values("sluice_group_busy_seconds_total"), ["a 1.5", "b 1.5"]);
  assert.deepEqual(await values("sluice_lag_records"), ["a t 12"]);
  assert.deepEqual(await values("sluice_oldest_unfinished_age_seconds"), ["a t 1"]);
});
