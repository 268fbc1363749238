/** What the scaler exports. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { observeStanding } from "../../../services/scaler/metrics.ts";
import type { Standing } from "../../../services/scaler/standing.ts";

const load = { lag_records: 0, oldest_age_ms: 0, arrivals_per_s: 0, utilisation: 0 };
const decided = { replicas: 1, wanted: 2, reason: "age", why: "", load } as const;
const standing: Standing = {
  at_ms: 1,
  targets: [
    { service: "router", desired: 2, ...decided },
    { service: "inference", tier: "small", desired: 3, ...decided },
  ],
  groups: [
    { group: "g", topic: "t", lag: 7, oldest_age_ms: 1_500 },
    { group: "g", topic: "u", lag: 1, oldest_age_ms: null },
  ],
  members: { g: 4 },
  states: {},
  asked: {},
};

test("desired replicas are labelled with what is scaled, not with the scaler; the rest with the scaler", async () => {
  const registry = new Registry();
  registry.setDefaultLabels({ service: "scaler" });
  observeStanding(
    registry,
    () => standing,
    () => true,
  );
  const text = await registry.metrics();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(lines, [
    'sluice_desired_replicas{service="router"} 2',
    'sluice_desired_replicas{service="inference",tier="small"} 3',
    'sluice_group_lag_records{group="g",topic="t",service="scaler"} 7',
    'sluice_group_lag_records{group="g",topic="u",service="scaler"} 1',
    'sluice_group_oldest_age_seconds{group="g",topic="t",service="scaler"} 1.5',
    'sluice_group_members{group="g",service="scaler"} 4',
    'sluice_scaler_leads{service="scaler"} 1',
    'sluice_scaler_held{service="scaler"} 0',
  ]);
});
