import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { EndpointView } from "../../../../services/inference/endpoints/endpoint.ts";
import { type Probe, Prober } from "../../../../services/inference/endpoints/prober.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { HEALTH } from "./pool-fixture.ts";

const view = (name: string, more: Partial<EndpointView> = {}): EndpointView => ({
  ...{ name, weight: 1, health: "healthy", breaker: "closed", in_flight: 0, limit: 4, ewma_ms: undefined },
  ...{ error_ratio: 0, keys: 1, keys_alive: 1, resting_ms: 0, unknown: false },
  ...more,
});

function create(views: readonly EndpointView[], probe: Probe) {
  const clock = new VirtualClock();
  const found: string[] = [];
  const pool = { views: () => views, probed: (name: string, ok: boolean) => void found.push(`${name} ${ok}`) };
  const prober = new Prober(pool, probe, HEALTH, clock);
  const until = async (ms: number): Promise<void> => {
    await clock.run(() => false, START_MS + ms);
    await setImmediate();
  };
  return { prober, found, until };
}

test("those that are not healthy, or idle and unknown, are asked every interval", async () => {
  const views = [
    view("well"),
    view("poor", { health: "degraded" }),
    view("ill", { health: "unhealthy" }),
    view("new", { unknown: true }),
    view("busy", { unknown: true, in_flight: 1 }),
  ];
  const timeouts = new Set<number>();
  const { found, until } = create(views, async (name, timeout_ms) => {
    timeouts.add(timeout_ms);
    if (name === "ill") throw new Error("refused");
    return true;
  });
  await until(999);
  assert.deepEqual(found, []);
  await until(2_500);
  const round = ["poor true", "new true", "ill false"];
  assert.deepEqual(found.toSorted(), [...round, ...round].toSorted());
  assert.deepEqual([...timeouts], [HEALTH.probe_timeout_ms]);
});

test("one probe at a time; after close none begins and none counts", async () => {
  const answers: ((ok: boolean) => void)[] = [];
  const probe: Probe = () => new Promise((resolve) => answers.push(resolve));
  const { prober, found, until } = create([view("ill", { health: "unhealthy" })], probe);
  await until(3_500);
  assert.equal(answers.length, 1);
  answers[0]?.(true);
  await until(4_500);
  assert.deepEqual(found, ["ill true"]);
  assert.equal(answers.length, 2);
  prober.close();
  answers[1]?.(true);
  await until(60_000);
  assert.deepEqual([found.length, answers.length], [1, 2]);
});
