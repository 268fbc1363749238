/** How a beat is kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Beat } from "../../../../libs/shared/beats/beat.ts";
import { decodeBeat, encodeBeat } from "../../../../libs/shared/redis/beat-store.ts";

test("comes back as it was, and what is no beat is none", () => {
  const beat: Beat = {
    ...{ service: "inference", instance: "i", host: "h", pid: 1, tiers: ["small"] },
    ...{ draining: false, started_ms: 1, at_ms: 2 },
    samples: [
      { name: "a", labels: { tier: "small" }, value: 1 },
      { name: "a", labels: { tier: "large" }, value: 2.5 },
      { name: "b", labels: {}, value: 0 },
    ],
  };
  assert.deepEqual(decodeBeat(encodeBeat(beat)), beat);
  for (const text of ["", "{}", "null", "[]", '{"samples":{}}']) assert.equal(decodeBeat(text), undefined, text);
});
