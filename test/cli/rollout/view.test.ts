/** How a rollout is shown. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rolloutsTable, stageText } from "../../../cli/rollout/view.ts";
import { routingSchema } from "../../../libs/shared/config/routing.ts";
import { StageStats } from "../../../libs/shared/rollout/side-stats.ts";
import { rolloutView, stageView } from "../../../libs/shared/rollout/stage-view.ts";
import { resultOf, START_MS, stateOf } from "../../libs/shared/rollout/states.ts";

const settings = routingSchema.parse({ default_tier: "a", embeddings_tier: "b" }).rollout;

function statsOf(now: number, old: number): StageStats {
  const stats = new StageStats(stateOf());
  for (let at = 0; at < now; at += 1) stats.add(resultOf({ status: at < now / 2 ? "failed" : "succeeded" }));
  for (let at = 0; at < old; at += 1) stats.add(resultOf({ side: "old" }));
  return stats;
}

describe("a rollout", () => {
  test("is a line of a table, with why it moved or is not followed", () => {
    const table = rolloutsTable([
      rolloutView(stateOf({ why: "all is well" }), undefined),
      rolloutView(stateOf({ name: "other", status: "rolled_back", automatic: false }), "no such tier"),
    ]);
    assert.match(table, /cheaper\s+small: b\s+running\s+10 %\s+by itself\s+\S+\s+all is well/);
    assert.match(table, /other\s+small: b\s+rolled back\s+10 %\s+by hand\s+\S+\s+not followed: no such tier/);
  });

  test("is shown with both sides, the checks and what comes next", () => {
    const view = stageView(stateOf(), undefined, statsOf(60, 100), settings, START_MS + 1);
    const text = stageText(view);
    assert.match(text, /new\s+60\s+30\s+/);
    assert.match(text, /old\s+100\s+0\s+/);
    assert.match(text, /broken\s+failed 50.0 % beside 0.0 %, at most 2.0 %/);
    assert.match(text, /goes back: failed 50.0 %/);
    assert.deepEqual(JSON.parse(JSON.stringify(view)).next.kind, "roll_back");
  });

  test("is shown without figures too", () => {
    const text = stageText(stageView(stateOf(), undefined, statsOf(0, 0), settings, START_MS + 1));
    assert.match(text, /too few results of a side to compare/);
    assert.match(text, /stays: the stage lasts 30 min more/);
  });
});
