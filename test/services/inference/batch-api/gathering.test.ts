import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Gathering, type Group } from "../../../../services/inference/batch-api/gathering.ts";

const LIMITS = { size_max: 3, bytes_max: 100, wait_ms: 50 };

describe("gathering", () => {
  test("closes by count, by bytes, and by the first one's wait", () => {
    const gathering = new Gathering<string>(LIMITS);
    assert.deepEqual(gathering.add("k", "a", 10, 0), []);
    assert.deepEqual(gathering.add("k", "b", 10, 40), []);
    assert.equal(gathering.due_ms, 50);
    assert.deepEqual(gathering.add("k", "c", 10, 41), [{ key: "k", members: ["a", "b", "c"] }]);
    assert.equal(gathering.due_ms, undefined);
    assert.deepEqual(gathering.add("k", "d", 60, 60), []);
    assert.deepEqual(gathering.add("k", "e", 60, 61), [{ key: "k", members: ["d"] }]);
    assert.deepEqual(gathering.due(110), []);
    assert.deepEqual(gathering.due(111), [{ key: "k", members: ["e"] }]);
  });

  test("every member comes out once, in order within its key, and no group passes a limit", () => {
    const adds = fc.array(
      fc.record({ key: fc.constantFrom("a", "b"), bytes: fc.integer({ min: 1, max: 100 }), gap_ms: fc.nat(60) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(adds, (given) => {
        const gathering = new Gathering<{ at: number; bytes: number; added_ms: number }>(LIMITS);
        const out: { group: Group<{ at: number; bytes: number; added_ms: number }>; now_ms: number }[] = [];
        let now_ms = 0;
        for (const [at, { bytes, gap_ms, key }] of given.entries()) {
          now_ms += gap_ms;
          for (let due = gathering.due_ms; due !== undefined && due <= now_ms; due = gathering.due_ms) {
            for (const group of gathering.due(due)) out.push({ group, now_ms: due });
          }
          for (const group of gathering.add(key, { at, bytes, added_ms: now_ms }, bytes, now_ms))
            out.push({ group, now_ms });
        }
        for (const group of gathering.due(Number.POSITIVE_INFINITY)) out.push({ group, now_ms });
        for (const { group, now_ms: closed_ms } of out) {
          assert.ok(group.members.length >= 1 && group.members.length <= LIMITS.size_max);
          assert.ok(group.members.reduce((sum, { bytes }) => sum + bytes, 0) <= LIMITS.bytes_max);
          assert.ok(closed_ms - (group.members[0]?.added_ms ?? 0) <= LIMITS.wait_ms);
        }
        for (const key of ["a", "b"]) {
          const came = out
            .filter(({ group }) => group.key === key)
            .flatMap(({ group }) => group.members.map(({ at }) => at));
          const expected = [...given.entries()].filter(([, add]) => add.key === key).map(([at]) => at);
          assert.deepEqual(came, expected);
        }
      }),
    );
  });
});
