/** What a purge would take away, and how much of it is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planLines, planOf } from "../../../cli/cache/purge-plan.ts";
import { CacheView } from "../../../libs/shared/cache/cache-view.ts";
import { goneOf } from "../../../libs/shared/cache/purge-plan.ts";
import { putOf } from "../../libs/shared/cache/entries.ts";

function viewOf(count: number, tenant: string, view = new CacheView()): CacheView {
  for (let at = 0; at < count; at += 1) view.apply(putOf({ entry_id: `${tenant}${at}`, tenant, created_ms: at }), 10);
  return view;
}

test("a plan counts by tenant and shows some of the questions, shortened and on one line", () => {
  const view = viewOf(7, "demo", viewOf(1, "acme"));
  view.apply(putOf({ entry_id: "z9", created_ms: 99, text: `first\nsecond\u001b[31m ${"long ".repeat(50)}` }), 10);
  const plan = planOf(view.entries());
  assert.equal(plan.matched, 9);
  assert.deepEqual(
    plan.tenants.map(({ tenant, entries, bytes }) => [tenant, entries, bytes]),
    [
      ["demo", 8, 80],
      ["acme", 1, 10],
    ],
  );
  assert.equal(plan.samples.length, 5);
  const lines = planLines(plan);
  assert.match(lines[1] ?? "", /^9 entries, 90 B; among them:$/);
  assert.match(lines[2] ?? "", /^ {2}z9 {2}first second \[31m long.*…$/);
});

test("nothing that matches is said so", () => assert.deepEqual(planLines(planOf([])), ["nothing matches"]));

test("an entry is gone when it was taken away, or gave way to a newer answer", () => {
  const view = viewOf(3, "demo");
  const { entries } = planOf(view.entries());
  assert.equal(goneOf(entries, view), 0);
  view.apply({ kind: "removed", key: "n1:demo0", namespace: "n1", entry_id: "demo0" }, 0);
  view.apply(putOf({ entry_id: "demo1", created_ms: 50 }), 10);
  assert.equal(goneOf(entries, view), 2);
});
