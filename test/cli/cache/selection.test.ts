/** The flags that say which entries are meant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { selectorOf } from "../../../cli/cache/selection.ts";
import { cacheSelector } from "../../../libs/shared/events/control.ts";

test("flags become a selector of the control event", () => {
  const flags = { id: "e", tenant: "demo", namespace: "faq", pattern: "refund", olderThan: 400 };
  const selector = selectorOf(flags, 1_000);
  assert.deepEqual(cacheSelector.parse(selector), {
    entry_id: "e",
    tenant: "demo",
    namespace: "faq",
    pattern: "refund",
    before_ms: 600,
  });
  assert.deepEqual(selectorOf({}, 1_000), {});
});

test("a pattern that RE2 does not take is refused with why", () => {
  for (const pattern of ["(", "(?=x)", "(a)\\1"]) assert.throws(() => selectorOf({ pattern }, 0), /cannot be read/);
});
