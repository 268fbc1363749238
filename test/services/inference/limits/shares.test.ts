/** What part of the limits a process has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limitsOf, shareOf } from "../../../../services/inference/limits/shares.ts";

const TOPIC = "llm.jobs.fast";

test("a partition counts once, its twin and other topics do not", () => {
  const held = [
    { topic: TOPIC, partition: 0 },
    { topic: TOPIC, partition: 3 },
    { topic: `${TOPIC}.batch`, partition: 0 },
    { topic: `${TOPIC}.batch`, partition: 3 },
    { topic: "llm.jobs.smart", partition: 1 },
  ];
  assert.equal(shareOf(held, TOPIC, 8), 0.25);
  assert.equal(shareOf([], TOPIC, 8), 0);
});

test("however the partitions are dealt out, the shares add up to the whole", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4), { minLength: 1, maxLength: 64 }), (owners) => {
      const shares = [0, 1, 2, 3, 4].map((process) => {
        const held = [...owners.keys()].filter((partition) => owners[partition] === process);
        return shareOf(
          held.map((partition) => ({ topic: TOPIC, partition })),
          TOPIC,
          owners.length,
        );
      });
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
    }),
  );
});

test("a limit that is not set stays unset", () => {
  const limits = limitsOf({ requests_per_minute: 600, scope: "assignment" }, 0.25);
  assert.deepEqual(limits, { requests: 150, tokens: undefined });
});
