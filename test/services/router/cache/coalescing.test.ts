/** Identical requests under way at once: one leads, the others wait within bounds. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import type { CacheHit, CacheMiss } from "../../../../services/router/cache/contract.ts";
import { answerOf, CacheWorld } from "./fixture.ts";

const REF = { tenant: "demo", entry_id: "e1" };
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `r${index}`);

/** Follows look-ups that may take long. */
function follow(asked: readonly Promise<CacheHit | CacheMiss>[]) {
  const ended: string[] = [];
  for (const one of asked) {
    void one.then(
      (found) => ended.push(found.kind === "hit" ? found.how : found.fill === undefined ? "miss" : "call"),
      (error: unknown) => ended.push(isRetryable(error) ? "retryable" : "error"),
    );
  }
  return ended;
}

const end = (world: CacheWorld, id: string, kept: boolean): Promise<void> => {
  const answers = kept ? [{ ...REF, answer: answerOf() }] : [];
  return world.answers.finish(answers, [{ ...REF, id }], world.clock.now_ms());
};

describe("1,000 identical requests at once", () => {
  test("are one call, and all others have its answer", async () => {
    const world = new CacheWorld({ waiting_max: 1_000 });
    const ended = follow(many(1_000).map((id) => world.lookUp({ id })));
    await world.pass(100);
    assert.deepEqual([ended, world.coalescing.waiting], [["call"], 999]);
    // One look for the answer, one to take the lead.
    assert.equal(world.round_trips, 2);
    await end(world, "r0", true);
    await world.pass(1);
    assert.equal(ended.length, 1_000);
    assert.equal(ended.filter((how) => how === "coalesced").length, 999);
    assert.deepEqual([world.coalescing.waiting, world.round_trips], [0, 3]);
  });

  test("whose first fails go for themselves", async () => {
    const world = new CacheWorld();
    const ended = follow(many(50).map((id) => world.lookUp({ id })));
    await world.pass(100);
    await end(world, "r0", false);
    await world.pass(1);
    assert.deepEqual(new Set(ended), new Set(["call"]));
    assert.equal(ended.length, 50);
  });

  test("wait up to a number: who comes beyond goes for itself", async () => {
    const world = new CacheWorld({ waiting_max: 10 });
    const ended = follow(many(20).map((id) => world.lookUp({ id })));
    await world.pass(100);
    assert.deepEqual([ended.length, world.coalescing.waiting], [10, 10]);
  });
});

describe("the leader", () => {
  test("in another router is waited for; a lost word is made up for by looking", async () => {
    const world = new CacheWorld();
    const other = new CacheWorld({ beside: world });
    const ended = follow([world.lookUp({ id: "a" })]);
    const waiting = follow([other.lookUp({ id: "b" }), other.lookUp({ id: "c" })]);
    await world.pass(1_700);
    assert.deepEqual([ended, waiting], [["call"], []]);
    // Only the first router hears of it.
    await end(world, "a", true);
    await world.pass(500);
    assert.deepEqual(waiting, ["coalesced", "coalesced"]);
  });

  test("that is delivered again leads on, in the same process or another, also while others wait for it", async () => {
    const world = new CacheWorld();
    const other = new CacheWorld({ beside: world });
    const ended = follow([world.lookUp({ id: "a" }), world.lookUp({ id: "b" })]);
    await world.pass(10);
    const again = follow([world.lookUp({ id: "a" }), other.lookUp({ id: "a" })]);
    await world.pass(10);
    assert.deepEqual([ended, again], [["call"], ["call", "call"]]);
  });

  test("whose word is lost for good holds nobody longer than its time", async () => {
    const world = new CacheWorld();
    const ended = follow([world.lookUp({ id: "a" }), world.lookUp({ id: "b" })]);
    await world.pass(9_000);
    assert.deepEqual(ended, ["call"]);
    const late = follow([world.lookUp({ id: "c" })]);
    await world.pass(1_600);
    // The lead has ended by itself: nobody waits as long again.
    assert.deepEqual([ended, late], [["call", "call"], ["call"]]);
  });

  test("that finds the answer made meanwhile gives its lead up", async () => {
    const world = new CacheWorld();
    const shared = world.coalescing.share.bind(world.coalescing);
    world.coalescing.share = async (...asked) => {
      await world.keep();
      return shared(...asked);
    };
    const ended = follow([world.lookUp({ id: "a" }), world.lookUp({ id: "b" })]);
    await world.pass(10);
    assert.deepEqual(ended.toSorted(), ["coalesced", "exact"]);
    assert.deepEqual(world.answers.keys, ["cache:{demo}:answer:e1"]);
  });
});

describe("who waits", () => {
  test("goes on at its deadline, and at once when that has passed", async () => {
    const world = new CacheWorld();
    const now_ms = world.clock.now_ms();
    const ended = follow([
      world.lookUp({ id: "a" }),
      world.lookUp({ id: "b", deadline_ms: now_ms + 3_000 }),
      world.lookUp({ id: "c", deadline_ms: now_ms }),
    ]);
    await world.pass(2_900);
    assert.equal(ended.length, 2);
    await world.pass(200);
    assert.deepEqual(ended, ["call", "call", "call"]);
  });

  test("is given up when the service stops, to be delivered again", async () => {
    const world = new CacheWorld();
    const stopping = new AbortController();
    const ended = follow([
      world.lookUp({ id: "a" }, stopping.signal),
      world.lookUp({ id: "b" }, stopping.signal),
      world.lookUp({ id: "c" }, stopping.signal),
    ]);
    await world.pass(10);
    stopping.abort();
    await world.pass(1);
    assert.deepEqual([ended, world.coalescing.waiting], [["call", "retryable", "retryable"], 0]);
    const late = follow([world.lookUp({ id: "d" }, stopping.signal)]);
    await world.pass(1);
    assert.deepEqual(late, ["retryable"]);
  });

  test("keeps waiting while Redis is away, and those of one ask fail together", async () => {
    const world = new CacheWorld();
    const ended = follow([world.lookUp({ id: "a" }), world.lookUp({ id: "b" })]);
    await world.pass(10);
    world.away = true;
    const failed = follow([world.lookUp({ entry_id: "e9", id: "x" }), world.lookUp({ entry_id: "e9", id: "y" })]);
    await world.pass(2_000);
    assert.deepEqual([ended, failed], [["call"], ["error", "error"]]);
    world.away = false;
    await end(world, "a", true);
    await world.pass(500);
    assert.deepEqual(ended, ["call", "coalesced"]);
  });
});

describe("the batch lane", () => {
  test("has a lead of its own: nobody in a hurry waits for it, and both have whichever answer is there", async () => {
    const world = new CacheWorld();
    const batch = follow([world.lookUp({ id: "a", lane: "batch" }), world.lookUp({ id: "b", lane: "batch" })]);
    const ended = follow([world.lookUp({ id: "c" }), world.lookUp({ id: "d" })]);
    await world.pass(10);
    assert.deepEqual([batch, ended], [["call"], ["call"]]);
    await end(world, "c", true);
    await world.pass(1);
    assert.deepEqual(
      [batch, ended],
      [
        ["call", "coalesced"],
        ["call", "coalesced"],
      ],
    );
    await end(world, "a", true);
    assert.deepEqual(world.answers.keys, ["cache:{demo}:answer:e1"]);
  });
});

describe("who keeps nothing", () => {
  test("never leads: others would wait in vain; and shares what another makes", async () => {
    const world = new CacheWorld();
    const first = follow([world.lookUp({ id: "a", writes: false })]);
    await world.pass(10);
    assert.deepEqual([first, world.answers.keys], [["miss"], []]);
    const ended = follow([
      world.lookUp({ id: "b", writes: false }),
      world.lookUp({ id: "c" }),
      world.lookUp({ id: "d" }),
    ]);
    await world.pass(10);
    const late = follow([world.lookUp({ id: "e", writes: false })]);
    await world.pass(10);
    assert.deepEqual([ended, late], [["miss", "call"], []]);
    await end(world, "c", true);
    await world.pass(1);
    assert.deepEqual([ended, late], [["miss", "call", "coalesced"], ["coalesced"]]);
  });
});
