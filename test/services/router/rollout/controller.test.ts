/** Who moves rollouts, when, and what a fault does. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routingSchema } from "../../../../libs/shared/config/routing.ts";
import type { RolloutEvent } from "../../../../libs/shared/events/control.ts";
import type { ResultHead } from "../../../../libs/shared/events/flow.ts";
import { RolloutBook } from "../../../../libs/shared/rollout/rollout-book.ts";
import { RolloutController, TOLD_AGAIN_MS } from "../../../../services/router/rollout/controller.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MINUTE_MS, resultOf, stateOf } from "../../../libs/shared/rollout/states.ts";

const rollout = routingSchema.parse({ default_tier: "a", embeddings_tier: "b" }).rollout;

/** A controller on a topic in memory: what it announces is in its book at once, and its view has what was added. */
function setUp() {
  const clock = new VirtualClock();
  const book = new RolloutBook(() => undefined);
  const announced: RolloutEvent[] = [];
  const views: { from_ms: number; add: (result: ResultHead) => void; caught_up: boolean; stopped: boolean }[] = [];
  const asked = { leader: 0 };
  const faults = { leader: false, follow: false, is_leader: true };
  const put = (state: RolloutEvent) => book.apply(state, clock.now_ms());
  const controller = new RolloutController({
    book,
    settings: rollout,
    async isLeader() {
      asked.leader += 1;
      if (faults.leader) throw new Error("redis is away");
      return faults.is_leader;
    },
    async follow(from_ms, add) {
      if (faults.follow) throw new Error("kafka is away");
      const view = { from_ms, add, caught_up: true, stopped: false };
      views.push(view);
      return {
        ...view,
        get caught_up() {
          return view.caught_up;
        },
        stop: async () => {
          view.stopped = true;
        },
      };
    },
    async announce(state) {
      announced.push(state);
      put(state);
    },
    clock,
    log: { info() {}, warn() {} },
  });
  const begin = (more: Partial<RolloutEvent> = {}) => {
    const now_ms = clock.now_ms();
    put(stateOf({ started_ms: now_ms, stage_ms: now_ms, at_ms: now_ms, ...more }));
  };
  /** Results of both sides, into the last view. */
  const feed = (count: number, more: Parameters<typeof resultOf>[0] = {}) => {
    const percent = book.get("cheaper")?.state.percent ?? 0;
    for (const side of ["new", "old"] as const) {
      for (let at = 0; at < count; at += 1) {
        views.at(-1)?.add(resultOf({ side, percent, routed: clock.now_ms(), ...(side === "new" ? more : {}) }));
      }
    }
  };
  const wait = async (wait_ms: number) => {
    let over = false;
    clock.after(wait_ms, () => {
      over = true;
    });
    await clock.run(() => over, clock.now_ms() + wait_ms);
  };
  return { clock, book, announced, views, asked, faults, controller, begin, feed, wait };
}

describe("the controller", () => {
  test("asks for nothing while nothing moves by itself", async () => {
    const { controller, asked, views, begin } = setUp();
    begin({ automatic: false });
    await controller.look();
    begin({ status: "paused" });
    await controller.look();
    assert.deepEqual([asked.leader, views.length], [0, 0]);
  });

  test("takes a good rollout through its stages to its end, reading from an hour before each", async () => {
    const { controller, announced, views, begin, feed, wait, clock } = setUp();
    await wait(120 * MINUTE_MS);
    begin();
    for (let stage = 0; stage < 4; stage += 1) {
      await controller.look();
      assert.equal(views.at(-1)?.from_ms, (announced.at(-1)?.stage_ms ?? clock.now_ms()) - 60 * MINUTE_MS);
      feed(250);
      await controller.look();
      assert.equal(announced.length, stage);
      await wait(31 * MINUTE_MS);
      await controller.look();
    }
    assert.deepEqual(
      announced.map(({ status, percent }) => [status, percent]),
      [
        ["running", 25],
        ["running", 50],
        ["running", 100],
        ["done", 100],
      ],
    );
    await controller.look();
    assert.ok(
      views.every(({ stopped }) => stopped),
      "nothing is read after the end",
    );
  });

  test("takes a bad one back, and tells why", async () => {
    const { controller, announced, begin, feed } = setUp();
    begin();
    await controller.look();
    feed(100, { status: "failed" });
    await controller.look();
    const [{ status, percent, by, why } = {}] = announced;
    assert.deepEqual([status, percent, by], ["rolled_back", 10, "sluice router"]);
    assert.match(why ?? "", /failed 100.0 %/);
  });

  test("moves nothing before it has read what was there", async () => {
    const { controller, announced, views, begin, feed } = setUp();
    begin();
    await controller.look();
    feed(100, { status: "failed" });
    const [view] = views;
    if (view !== undefined) view.caught_up = false;
    await controller.look();
    assert.equal(announced.length, 0);
  });

  test("leaves it to another router that has the lead, and stops reading", async () => {
    const { controller, announced, views, faults, begin, feed } = setUp();
    begin();
    await controller.look();
    feed(100, { status: "failed" });
    faults.is_leader = false;
    await controller.look();
    assert.deepEqual([announced.length, views[0]?.stopped], [0, true]);
  });

  test("a fault moves nothing, and the next look goes on", async () => {
    const { controller, announced, faults, begin, feed } = setUp();
    begin();
    for (const fault of ["leader", "follow"] as const) {
      faults[fault] = true;
      await controller.look();
      faults[fault] = false;
    }
    assert.equal(announced.length, 0);
    await controller.look();
    feed(100, { status: "failed" });
    await controller.look();
    assert.equal(announced.length, 1);
  });

  test("tells a state again before the topic forgets it; one that was rolled back is forgotten", async () => {
    const { controller, announced, begin, wait } = setUp();
    begin({ status: "done", percent: 100 });
    begin({ name: "gone", status: "rolled_back" });
    await controller.look();
    assert.equal(announced.length, 0);
    await wait(TOLD_AGAIN_MS + 1);
    await controller.look();
    await controller.look();
    assert.deepEqual(
      announced.map(({ name, status, at_ms }) => [name, status, at_ms]),
      [["cheaper", "done", announced[0]?.at_ms]],
    );
  });

  test("looks every so often from its start to its stop", async () => {
    const { controller, asked, begin, wait } = setUp();
    begin();
    controller.start();
    await wait(rollout.check_interval_ms * 3 + 1);
    assert.equal(asked.leader, 3);
    await controller.stop();
    await wait(rollout.check_interval_ms * 3);
    assert.equal(asked.leader, 3);
  });
});
