/** What the scaler desires becomes processes, each change by itself. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Desired, DesiredTarget } from "../../../libs/shared/scaling/desired.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import {
  AUTOSCALED,
  type AutoscaleDeps,
  Autoscaler,
  changeLine,
  parseAutoscale,
  runningInstances,
} from "../../../tools/stack/autoscale.ts";

const target = (service: string, desired: number, more: Partial<DesiredTarget> = {}): DesiredTarget => ({
  ...{ service, desired, replicas: 1, wanted: desired, reason: "age", why: "the oldest is 4 s old" },
  load: { lag_records: 0, oldest_age_ms: 0, arrivals_per_s: 0, utilisation: 0 },
  ...more,
});

function world(more: Partial<AutoscaleDeps> = {}) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const asked: string[] = [];
  /** By name: ends the start or the stop that is under way. */
  const starts = new Map<string, PromiseWithResolvers<void>>();
  const stops = new Map<string, PromiseWithResolvers<void>>();
  const pending = (map: typeof starts, name: string): Promise<void> => {
    const one = Promise.withResolvers<void>();
    map.set(name, one);
    return one.promise;
  };
  let desired: Desired | undefined;
  const scaler = new Autoscaler({
    services: AUTOSCALED,
    running: { inference: [1], router: [1] },
    clock,
    desired: async () => {
      if (desired === undefined) throw new Error("away");
      return desired;
    },
    start(service, instance) {
      const name = instance === 1 ? service : `${service}-${instance}`;
      asked.push(`+${name}`);
      return pending(starts, name);
    },
    stop(name) {
      asked.push(`-${name}`);
      return pending(stops, name);
    },
    changed: (change) => said.push(changeLine(change)),
    say: (line) => said.push(line),
    ...more,
  });
  return {
    ...{ clock, said, starts, stops },
    /** What was asked for since the last look. */
    async look(...targets: DesiredTarget[]): Promise<string[]> {
      desired = { at_ms: 1, targets };
      await scaler.look();
      return asked.splice(0);
    },
    async away(): Promise<void> {
      desired = undefined;
      await scaler.look();
    },
    async held(why: string): Promise<void> {
      desired = { at_ms: 1, held: why, targets: [] };
      await scaler.look();
    },
  };
}

/** Lets what has been resolved go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function passes(clock: VirtualClock, ms: number): Promise<void> {
  clock.after(ms, () => undefined);
  await clock.run(() => false, clock.now_ms() + ms);
}

describe("autoscaling", () => {
  test("starts and stops as desired, once, and says why", async () => {
    const { look, said, starts, stops } = world();
    assert.deepEqual(await look(target("inference", 3)), ["+inference-2", "+inference-3"]);
    assert.deepEqual(await look(target("inference", 3)), []);
    starts.get("inference-2")?.resolve();
    starts.get("inference-3")?.resolve();
    assert.deepEqual(await look(target("inference", 2, { reason: "idle", why: "little to do" })), ["-inference-3"]);
    assert.deepEqual(await look(target("inference", 2)), []);
    stops.get("inference-3")?.resolve();
    await settle();
    assert.deepEqual(await look(target("inference", 3)), ["+inference-3"]);
    assert.deepEqual(said.slice(0, 2), [
      "inference 1 → 3 (age): the oldest is 4 s old",
      "inference 3 → 2 (idle): little to do",
    ]);
  });

  test("is not held up by one that takes long to start, nor by one that takes long to end", async () => {
    const { look, stops } = world();
    await look(target("inference", 2));
    assert.deepEqual(await look(target("inference", 2), target("router", 2)), ["+router-2"]);
    assert.deepEqual(await look(target("inference", 1)), ["-inference-2"]);
    assert.deepEqual(await look(target("inference", 2)), ["+inference-3"]);
    assert.ok(stops.has("inference-2"));
  });

  test("frees a number once both its start and its stop are over", async () => {
    const { look, starts, stops } = world();
    await look(target("inference", 2));
    await look(target("inference", 1));
    stops.get("inference-2")?.resolve();
    await settle();
    assert.deepEqual(await look(target("inference", 2)), ["+inference-3"]);
    starts.get("inference-2")?.reject(new Error("it was stopped"));
    await settle();
    assert.deepEqual(await look(target("inference", 3)), ["+inference-2"]);
  });

  test("tries again after a start that went wrong, later each time", async () => {
    const { look, said, starts, clock } = world();
    await look(target("inference", 2));
    starts.get("inference-2")?.reject(new Error("no memory"));
    await settle();
    assert.match(said.at(-1) ?? "", /inference-2 did not start: no memory/);
    assert.deepEqual(await look(target("inference", 2)), []);
    await passes(clock, 200);
    assert.deepEqual(await look(target("inference", 2)), ["+inference-2"]);
    starts.get("inference-2")?.reject(new Error("no memory"));
    await settle();
    await passes(clock, 200);
    assert.deepEqual(await look(target("inference", 2)), []);
    await passes(clock, 200);
    assert.deepEqual(await look(target("inference", 2)), ["+inference-2"]);
  });

  test("keeps what it has while the scaler is away or cannot decide, and says so once", async () => {
    const { away, held, look, said } = world();
    await away();
    await away();
    await held("redis is unavailable");
    await look(target("inference", 1));
    assert.equal(said.length, 3);
    assert.match(said[0] ?? "", /does not answer, so the number of workers stays/);
    assert.match(said[1] ?? "", /cannot decide.*redis is unavailable/);
    assert.match(said[2] ?? "", /decides again/);
  });

  test("follows the services that it was given, and of tiers the one that its workers serve", async () => {
    const limited = world({ services: ["router"] });
    assert.deepEqual(await limited.look(target("inference", 5), target("router", 2)), ["+router-2"]);
    const small = target("inference", 3, { tier: "small" });
    assert.deepEqual(await world().look(small), []);
    assert.deepEqual((await world({ tier: "small" }).look(small)).length, 2);
  });

  test("never runs more than may be", async () => {
    assert.equal((await world().look(target("inference", 1_000))).length, 63);
  });
});

describe("--autoscale", () => {
  test("takes services, or none for all", () => {
    assert.deepEqual(parseAutoscale(true), AUTOSCALED);
    assert.deepEqual(parseAutoscale("router, inference"), ["router", "inference"]);
    for (const wrong of ["gateway", "inference,nobody", ""])
      assert.throws(() => parseAutoscale(wrong), /--autoscale knows no/);
  });

  test("knows the instances that run by their names", () => {
    const names = ["kafka", "inference-3", "inference", "inference-x", "router-2", "inference-2"];
    assert.deepEqual(runningInstances(names, "inference"), [3, 1, 2]);
    assert.deepEqual(runningInstances(names, "results"), []);
  });
});
