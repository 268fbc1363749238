import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { questionGroups, splitGroups } from "../../../../libs/shared/semantic/split.ts";

const text = fc.integer({ min: 0, max: 60 }).map((at) => `question ${at}`);
const pairs = fc.array(fc.record({ a: text, b: text }), { maxLength: 80 });

describe("splitting pairs", () => {
  test("no question is in two parts, and every pair is in one", () => {
    fc.assert(
      fc.property(pairs, fc.integer(), (rows, seed) => {
        const parts = splitGroups(questionGroups(rows), [0.5, 0.3, 0.2], seed);
        assert.deepEqual(
          parts.flat().sort((one, other) => one - other),
          [...rows.keys()],
        );
        const homes = new Map<string, number>();
        parts.forEach((part, home) => {
          for (const { a, b } of part.map((row) => rows[row] as { a: string; b: string })) {
            for (const question of [a, b]) assert.equal(homes.get(question) ?? home, home);
            homes.set(a, home).set(b, home);
          }
        });
      }),
    );
  });

  test("parts have about their shares", () => {
    const rows = Array.from({ length: 1_000 }, (_, at) => ({ a: `a${at}`, b: `b${at}` }));
    const [large = [], small = []] = splitGroups(questionGroups(rows), [0.8, 0.2], 3);
    assert.ok(Math.abs(large.length - 800) <= 1 && Math.abs(small.length - 200) <= 1);
  });

  test("case and spaces make no other question; a group's name ties pairs together", () => {
    const rows = [
      { a: "When do you open?", b: "x" },
      { a: "when do  you open? ", b: "y" },
      { a: "p", b: "q", group: "g" },
      { a: "r", b: "s", group: "g" },
    ];
    assert.deepEqual(questionGroups(rows), [0, 0, 1, 1]);
  });
});
