import assert from "node:assert/strict";
import { test } from "node:test";
import { parseScale } from "../../../tools/stack/services.ts";

test("--scale adds up over its repetitions", () => {
  assert.deepEqual(parseScale("results=2", parseScale("inference=3")), { inference: 3, results: 2 });
});

test("--scale refuses what it does not know", () => {
  for (const text of [
    "inference",
    "inference=",
    "inference=-1",
    "inference=1.5",
    "inference=65",
    "mock=2",
    "gateway=2",
  ]) {
    assert.throws(() => parseScale(text), { code: "usage" }, text);
  }
});
