import assert from "node:assert/strict";
import { test } from "node:test";
import { planTests } from "../../../tools/test/selection.ts";

const FILES = ["test/e2e/flow.test.ts", "test/libs/b.test.ts", "test/libs/a.parts.test.ts", "test/faults/kill.test.ts"];

test("everything but the faults: heavy files apart", () => {
  assert.deepEqual(planTests(FILES, { filters: [], unit: false }), {
    quick: ["test/libs/a.parts.test.ts", "test/libs/b.test.ts"],
    heavy: ["test/e2e/flow.test.ts"],
    needs_parts: true,
  });
});

test("faults where they are asked for, and then first", () => {
  const { heavy } = planTests(FILES, { filters: ["test/faults", "flow"], unit: false });
  assert.deepEqual(heavy, ["test/faults/kill.test.ts", "test/e2e/flow.test.ts"]);
});

test("--unit runs what needs no parts, and starts none", () => {
  const plan = planTests(FILES, { filters: [], unit: true });
  assert.deepEqual(plan, { quick: ["test/libs/b.test.ts"], heavy: [], needs_parts: false });
});

test("words choose files by their path", () => {
  const plan = planTests(FILES, { filters: ["./test/libs/b", "kill"], unit: false });
  assert.deepEqual(plan, { quick: ["test/libs/b.test.ts"], heavy: ["test/faults/kill.test.ts"], needs_parts: true });
});
