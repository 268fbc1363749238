/** Rollouts for administrators: started, moved and looked at by the records that routers follow. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Settings } from "../../../../libs/shared/config/schema.ts";
import { RolloutBook } from "../../../../libs/shared/rollout/rollout-book.ts";
import { adminRolloutRoutes } from "../../../../services/gateway/admin/rollouts.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../../support/memory-ports.ts";
import { ADMIN_ID, adminFixture } from "./admin-fixture.ts";

const rollout = {
  ...{ stages: [10, 50, 100], stage_minutes: 30, results_min: 200, automatic: true, error_ratio_more_max: 0.02 },
  ...{ latency_factor_max: 1.5, cost_factor_max: 2, check_interval_ms: 1_000 },
};
const settings = {
  tiers: { small: { kind: "chat", models: ["a", "b"] } },
  routing: { rollout },
} as unknown as Settings;

function setUp() {
  const { deps, acts, serve } = adminFixture();
  const publisher = new MemoryPublisher();
  const book = new RolloutBook(() => undefined);
  const heads = [1, 2].map((at) => ({
    text: JSON.stringify({
      ...{ id: `r${at}`, tenant: "demo", status: at === 1 ? "succeeded" : "failed" },
      timing: {
        routed: deps.clock.now_ms() + at,
        dispatched: deps.clock.now_ms() + at,
        completed: deps.clock.now_ms() + 100,
      },
      route: {
        ...{ tier: "small", model: "b", reason: "", cache: "miss", attempts: 1 },
        decision: { by: "default", rollout: { name: "new", side: "new", percent: 10 } },
      },
    }),
  }));
  // All in the first stretch of time that is looked at.
  let left = heads;
  const reads = async <Row>() => {
    const rows = left;
    left = [];
    return rows as readonly unknown[] as readonly Row[];
  };
  const routes = adminRolloutRoutes({
    ...{ ...deps, reads, settings, names: NAMES, publisher },
    codec: jsonCodec,
    rollouts: { ask: async () => book },
  });
  const change = { of: "model", tier: "small", model: "b" };
  return { ...serve(routes), acts, publisher, change };
}

describe("rollouts", () => {
  test("are started with the first stage, by whoever has the key, and then listed", async () => {
    const { ask, acts, publisher, change } = setUp();
    const started = await ask("POST", "/admin/rollouts", { name: "new", change });
    assert.equal(started.statusCode, 200);
    const { status, percent, by } = started.json();
    assert.deepEqual([status, percent, by], ["running", 10, `key ${ADMIN_ID}`]);
    assert.deepEqual(
      publisher.records.map(({ topic, key }) => [topic, key]),
      [[NAMES.control, "rollout/new"]],
    );
    assert.deepEqual(acts, [{ act: "start_rollout", key_id: ADMIN_ID, rollout: "new", percent: 10 }]);
    assert.equal((await ask("GET", "/admin/rollouts")).json().data.length, 1);
  });

  test("are shown with both sides and their course", async () => {
    const { ask, change } = setUp();
    await ask("POST", "/admin/rollouts", { name: "new", change });
    const shown = (await ask("GET", "/admin/rollouts/new")).json();
    assert.deepEqual([shown.sides.new.results, shown.sides.new.failed, shown.sides.old.results], [2, 1, 0]);
    assert.equal(shown.series.length, 1);
    assert.equal(shown.next.kind, "stay");
  });

  test("refuse what does not fit: a second one of the same tier, a step that is none, a name that is not there", async () => {
    const { ask, publisher, change } = setUp();
    await ask("POST", "/admin/rollouts", { name: "new", change });
    const codes = [
      await ask("POST", "/admin/rollouts", { name: "other", change }),
      await ask("POST", "/admin/rollouts/new/resume"),
      await ask("POST", "/admin/rollouts/none/pause"),
      await ask("POST", "/admin/rollouts/new/move", { percent: 101 }),
      await ask("POST", "/admin/rollouts", { name: "x", change: { of: "model", tier: "small", model: "z" } }),
    ].map(({ statusCode }) => statusCode);
    assert.deepEqual(codes, [409, 409, 404, 400, 400]);
    assert.equal(publisher.records.length, 1);
  });

  test("are moved, paused and rolled back, each by one record", async () => {
    const { ask, publisher, change } = setUp();
    await ask("POST", "/admin/rollouts", { name: "new", change });
    const states = [];
    for (const [act, body] of [["move", { percent: 50 }], ["pause"], ["resume"], ["rollback"]] as const) {
      const { status, percent } = (await ask("POST", `/admin/rollouts/new/${act}`, body)).json();
      states.push([status, percent]);
    }
    assert.deepEqual(states, [
      ["running", 50],
      ["paused", 50],
      ["running", 50],
      ["rolled_back", 50],
    ]);
    assert.equal(publisher.records.length, 5);
  });

  test("are for administrators alone", async () => {
    const { askAsReader, publisher } = setUp();
    assert.equal((await askAsReader("GET", "/admin/rollouts")).statusCode, 403);
    assert.equal((await askAsReader("POST", "/admin/rollouts")).statusCode, 403);
    assert.equal(publisher.records.length, 0);
  });
});
