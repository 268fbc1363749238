/** A worker dies before or after any step of a request with several hops: one answer, and none paid for twice (I3). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NAMES } from "../../support/memory-ports.ts";
import { answered } from "./fixture.ts";
import { bodyOf, ESCALATES, HopsWorld, hopSettings, REFUSAL, type Script, says, VERIFIES } from "./hops-fixture.ts";

class Crash extends Error {}

type Scenario = { readonly what: string; readonly script: Script; readonly settings: ReturnType<typeof hopSettings> };

const BOTH = hopSettings({ ...VERIFIES, escalation: { enabled: true, hops_max: 2 } });
const SCENARIOS: readonly Scenario[] = [
  { what: "escalation", script: { m1: [says(REFUSAL)], m2: [says("4")] }, settings: hopSettings(ESCALATES) },
  { what: "a draft that is accepted", script: { m1: [says("4")], m2: [says("yes")] }, settings: hopSettings(VERIFIES) },
  {
    what: "a draft that is rejected",
    script: { m1: [says("5")], m2: [says("no"), says("4")] },
    settings: hopSettings(VERIFIES),
  },
  {
    what: "a draft that is rejected, then an answer that is weak",
    script: { m1: [says("5")], m2: [says("no"), says(REFUSAL)], m3: [says("4")] },
    settings: BOTH,
  },
  { what: "a fallback", script: { m1: [says(REFUSAL)], m2: [answered(500, "{}")] }, settings: hopSettings(ESCALATES) },
];

/** Lets the worker die at one of its steps: each swap of the ledger and each publication is one, done or not done. */
function plan(world: HopsWorld, at: number, done: boolean) {
  const state = { steps: 0, dead: false };
  const step = async <T>(effect: () => Promise<T>): Promise<T> => {
    if (state.dead) throw new Crash();
    state.steps += 1;
    if (state.steps !== at) return effect();
    state.dead = true;
    if (done) await effect();
    throw new Crash();
  };
  const swap = world.store.swap.bind(world.store);
  const publish = world.publisher.publish.bind(world.publisher);
  world.store.swap = (asked) => step(() => swap(asked));
  world.publisher.publish = (records) => step(() => publish(records));
  return state;
}

/** Handles all jobs, each again by another worker when its own has died. @returns the steps taken. */
async function run({ script, settings }: Scenario, at: number, done: boolean) {
  const world = new HopsWorld(script, settings);
  const state = plan(world, at, done);
  let instance = 0;
  const todo = [world.first()];
  const seen = new Set<string>();
  for (let record = todo.shift(); record !== undefined; record = todo.shift()) {
    try {
      await world.handle(record, `w${instance}`);
    } catch (error) {
      assert.ok(error instanceof Crash, String(error));
      world.store.alive.delete(`w${instance}`);
      instance += 1;
      state.dead = false;
      todo.unshift(record);
    }
    for (const [index, job] of world.jobs().entries()) {
      if (seen.has(String(index))) continue;
      seen.add(String(index));
      todo.push(job);
    }
  }
  return { world, steps: state.steps };
}

function isAnswer(answer: Script[string][number]): boolean {
  return answer.kind === "answered" && answer.status === 200;
}

describe("a worker that dies", () => {
  for (const scenario of SCENARIOS) {
    test(`at any step of ${scenario.what} leaves one answer, and none paid for twice`, async () => {
      const whole = await run(scenario, 0, false);
      const [expected] = whole.world.outcomes();
      // A refused call costs nothing, however often it is made.
      const paid = ({ model }: HopsWorld): number =>
        model.calls.filter((call) => scenario.script[bodyOf(call).model]?.every(isAnswer)).length;
      for (let at = 1; at <= whole.steps; at += 1) {
        for (const done of [true, false]) {
          const { world } = await run(scenario, at, done);
          const where = `${scenario.what}, step ${at} ${done ? "done" : "not done"}`;
          assert.ok(world.to(NAMES.outcomes).length >= 1, where);
          for (const { status, response, route } of world.outcomes()) {
            assert.deepEqual([status, route.tier], [expected?.status, expected?.route.tier], where);
            assert.deepEqual(response, expected?.response, where);
          }
          // A call whose answer was lost with the worker is made again, and counted.
          const again = paid(world) - paid(whole.world);
          assert.ok(again <= world.store.totals.unknown_calls, `${where}: ${again} calls more`);
          const usages = new Set(world.outcomes().map(({ usage }) => usage?.cost_usd));
          assert.deepEqual([...usages], [expected?.usage?.cost_usd], where);
        }
      }
    });
  }

  test("does not change its mind when the settings change: the ledger has the decision", async () => {
    const world = new HopsWorld({ m1: [says(REFUSAL)], m2: [says("4")] }, hopSettings(ESCALATES));
    const state = plan(world, 3, true);
    await assert.rejects(world.handle(world.first(), "w0"), Crash);
    state.dead = false;
    const entry = world.store.entry({ tenant: "demo", id: "r1", content_hash: "h" });
    assert.match(entry, /^A /);
    const off = new HopsWorld({ m1: [says("other")] }, hopSettings({}));
    off.store.set({ tenant: "demo", id: "r1", content_hash: "h" }, entry);
    await off.handle(off.first(), "w1");
    assert.deepEqual([off.model.calls.length, off.jobs().length, off.ends], [0, 1, ["passed_on"]]);
  });

  test("each hop is asked for what it is: no call is made of another's", async () => {
    const { world } = await run(SCENARIOS[3] as Scenario, 0, false);
    const judged = world.model.calls
      .map((call) => bodyOf(call))
      .map(({ model, messages }) => `${model} ${messages.length}`);
    assert.deepEqual(judged, ["m1 1", "m2 2", "m2 1", "m3 1"]);
  });
});
