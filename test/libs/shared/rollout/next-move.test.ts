/** When a rollout moves, when it goes back, and when it stays. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { routingSchema } from "../../../../libs/shared/config/routing.ts";
import { checkSides } from "../../../../libs/shared/rollout/bounds.ts";
import { nextMove, nextStage } from "../../../../libs/shared/rollout/next-move.ts";
import { StageStats } from "../../../../libs/shared/rollout/side-stats.ts";
import { MINUTE_MS, resultOf, START_MS, stateOf } from "./states.ts";

const settings = routingSchema.parse({ default_tier: "a", embeddings_tier: "b" }).rollout;
const AFTER_MS = START_MS + 31 * MINUTE_MS;

type Side = {
  readonly results: number;
  readonly failed?: number;
  readonly latency_ms?: number;
  readonly cost_usd?: number;
};

function stats(now: Side, old: Side, percent = 10): StageStats {
  const both = new StageStats(stateOf({ percent }));
  for (const [side, { results, failed = 0, latency_ms = 100, cost_usd = 0.001 }] of [
    ["new", now],
    ["old", old],
  ] as const) {
    for (let at = 0; at < results; at += 1) {
      // A spread, so that means and percentiles have errors: up to a fifth more or less.
      const spread = 0.8 + (0.4 * (at % 21)) / 20;
      const one = { latency_ms: latency_ms * spread, cost_usd: cost_usd * spread };
      both.add(resultOf({ side, percent, status: at < failed ? "failed" : "succeeded", ...one }));
    }
  }
  return both;
}

const move = (now: Side, old: Side, now_ms = AFTER_MS) => nextMove(stateOf(), stats(now, old), settings, now_ms);
const FINE = { results: 1_000 };

describe("a rollout whose new side is as good", () => {
  test("moves to the next stage when the stage is over", () => {
    const next = move({ results: 200 }, FINE);
    assert.deepEqual([next.kind, next.kind === "move" && next.percent], ["move", 25]);
    assert.match(next.why, /failed 0.0 % beside 0.0 %, at most 2.0 %; latency p95/);
  });

  test("stays until then, and until the new side has its results", () => {
    assert.deepEqual(move({ results: 200 }, FINE, START_MS), { kind: "stay", why: "the stage lasts 30 min more" });
    assert.deepEqual(move({ results: 199 }, FINE), { kind: "stay", why: "the new side has 199 of 200 results" });
  });

  test("stays where there is nothing to compare with", () => {
    const next = move({ results: 200 }, { results: 29 });
    assert.deepEqual(next, { kind: "stay", why: "the old side has only 29 results to compare with" });
  });

  test("is done after the last stage", () => {
    const state = stateOf({ percent: 100 });
    const next = nextMove(state, stats({ results: 200 }, FINE, 100), settings, AFTER_MS);
    assert.equal(next.kind === "move" && next.status, "done");
  });

  test("takes 100 % after stages that end before", () => {
    assert.deepEqual(
      [5, 10, 24, 25, 50, 99].map((percent) => nextStage(percent, [10, 25, 50])),
      [10, 25, 25, 50, 100, 100],
    );
  });
});

describe("a rollout whose new side is worse", () => {
  const table: readonly (readonly [what: string, Side, Side, kind: string])[] = [
    ["all of 30 failed", { results: 30, failed: 30 }, FINE, "roll_back"],
    ["one in ten failed", { results: 300, failed: 30 }, FINE, "roll_back"],
    ["as many failed as on the old side", { results: 300, failed: 30 }, { results: 1_000, failed: 100 }, "move"],
    ["one in forty failed, which may be chance", { results: 200, failed: 5 }, FINE, "stay"],
    ["it answers in twice the time", { results: 300, latency_ms: 200 }, FINE, "roll_back"],
    ["it answers in the time that is allowed", { results: 300, latency_ms: 145 }, FINE, "move"],
    ["it costs three times as much", { results: 300, cost_usd: 0.003 }, FINE, "roll_back"],
    ["it costs as much as is allowed", { results: 300, cost_usd: 0.002 }, FINE, "move"],
    ["the old side cost nothing", { results: 300 }, { results: 1_000, cost_usd: 0 }, "move"],
  ];
  for (const [what, now, old, kind] of table) {
    test(`${what}: ${kind}`, () => assert.equal(move(now, old).kind, kind));
  }

  test("goes back in the middle of a stage too, and says what was seen", () => {
    const next = move({ results: 60, failed: 40 }, FINE, START_MS + 1);
    assert.deepEqual(next, { kind: "roll_back", why: "failed 66.7 % beside 0.0 %, at most 2.0 %" });
  });

  test("does not go back for two failed of five, nor for all of a few", () => {
    for (const now of [
      { results: 5, failed: 2 },
      { results: 29, failed: 29 },
    ]) {
      assert.equal(move(now, FINE, START_MS + 1).kind, "stay");
    }
  });
});

describe("a rollout", () => {
  test("that is paused, ended or moved by hand stays whatever is seen", () => {
    const awful = stats({ results: 500, failed: 500 }, FINE);
    for (const state of [
      stateOf({ status: "paused" }),
      stateOf({ status: "done" }),
      stateOf({ status: "rolled_back" }),
      stateOf({ automatic: false }),
    ]) {
      assert.equal(nextMove(state, awful, settings, AFTER_MS).kind, "stay");
    }
  });

  test("with equal sides is never rolled back: at most one look in hundreds errs", () => {
    let back = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        // A generator of our own, so that the sides are drawn alike: 5 % fail, latencies spread tenfold.
        let state = seed >>> 0;
        const draw = () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          return state / 2 ** 32;
        };
        const both = new StageStats(stateOf());
        for (let at = 0; at < 1_200; at += 1) {
          const status = draw() < 0.05 ? "failed" : "succeeded";
          const side = at % 10 === 0 ? "new" : "old";
          both.add(resultOf({ side, status, latency_ms: 100 * 10 ** draw(), cost_usd: draw() / 1_000 }));
        }
        if (checkSides(both, settings)?.some(({ verdict }) => verdict === "broken")) back += 1;
      }),
      { numRuns: 300, seed: 7 },
    );
    assert.ok(back <= 2, `${back} of 300 were rolled back`);
  });
});
