import assert from "node:assert/strict";
import { test } from "node:test";
import { planTests } from "../../../tools/test/selection.ts";

const FILES = ["test/e2e/flow.test.ts", "test/libs/b.test.ts", "test/libs/a.parts.test.ts", "test/faults/kill.test.ts"];

test("everything: heavy files apart, and of them the longest first", () => {
  assert.deepEqual(planTests(FILES, { filters: [], unit: false }), {
    quick: ["test/libs/a.parts.test.ts", "test/libs/b.test.ts"],
    heavy: ["test/faults/kill.test.ts", "test/e2e/flow.test.ts"],
    needs_parts: true,
  });
});

test("--unit runs what needs no parts, and starts none", () => {
  const plan = planTests(FILES, { filters: [], unit: true });
  assert.deepEqual(plan, { quick: ["test/libs/b.test.ts"], heavy: [], needs_parts: false });
});

test("words choose files by their path", () => {
  const plan = planTests(FILES, { filters: ["./test/libs/b", "kill"], unit: false });
  assert.deepEqual(plan, { quick: ["test/libs/b.test.ts"], heavy: ["test/faults/kill.test.ts"], needs_parts: true });
});
