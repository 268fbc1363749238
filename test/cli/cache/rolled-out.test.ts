/** What rollouts have changed of the tiers for good. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rolledOut } from "../../../cli/cache/rolled-out.ts";
import type { RolloutEvent } from "../../../libs/shared/events/control.ts";
import { RolloutBook } from "../../../libs/shared/rollout/rollout-book.ts";

function event(name: string, started_ms: number, own: Partial<RolloutEvent>): RolloutEvent {
  const times = { started_ms, stage_ms: started_ms, at_ms: started_ms };
  const change = { of: "model", tier: "small", model: name } as const;
  return { kind: "rollout", name, change, status: "done", percent: 100, automatic: true, ...times, ...own };
}

test("of each tier the latest rollout that is done counts, for its model and its prompt", () => {
  const book = new RolloutBook(() => undefined);
  const events = [
    event("first", 1, {}),
    event("second", 2, {}),
    event("back", 3, { status: "rolled_back" }),
    event("running", 4, { status: "running", percent: 50 }),
    event("prompt", 5, { change: { of: "prompt", tier: "small", prompt: "v2" } }),
    event("policy", 6, { change: { of: "policy", policy_file: "p.json" } }),
  ];
  for (const each of events) book.apply(each, each.at_ms);
  assert.deepEqual(rolledOut(book)("small"), { model: "second", prompt: "v2" });
  assert.deepEqual(rolledOut(book)("large"), {});
});
