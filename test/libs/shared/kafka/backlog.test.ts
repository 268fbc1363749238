/** How far a group is behind, and how old what it has not finished is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { behindOf, oldestAge, withExpected } from "../../../../libs/shared/kafka/backlog.ts";

describe("what a group is behind", () => {
  test("is what is there beyond its offset, from the log's start where it has none", () => {
    const ends = new Map([
      [0, { low: 0, high: 10 }],
      [1, { low: 5, high: 10 }],
      [2, { low: 5, high: 10 }],
      [3, { low: 5, high: 10 }],
    ]);
    const committed = new Map([
      [0, 10],
      [1, 2],
      [2, undefined],
      [3, 9],
    ]);
    assert.deepEqual(behindOf(ends, committed), [
      { partition: 1, at: 5, records: 5 },
      { partition: 2, at: 5, records: 5 },
      { partition: 3, at: 9, records: 1 },
    ]);
  });
});

describe("groups that are expected", () => {
  test("have all of their topics before them, less what they committed", () => {
    const readings = new Map([["router", new Map([["admitted", new Map([[0, 7]])]])]]);
    const expected = new Map([
      ["router", ["admitted", "admitted.batch"]],
      ["inference.large", ["jobs.large"]],
    ]);
    const all = withExpected(readings, expected);
    assert.deepEqual(all.get("router")?.get("admitted"), new Map([[0, 7]]));
    assert.deepEqual(all.get("router")?.get("admitted.batch"), new Map());
    assert.deepEqual(all.get("inference.large")?.get("jobs.large"), new Map());
  });
});

describe("the age of the oldest", () => {
  /** A partition in which each record is of the age given, the oldest first. */
  const answering = (ages_ms: readonly number[], asked: number[] = []) => {
    return async (age_ms: number): Promise<ReadonlyMap<number, number>> => {
      asked.push(age_ms);
      const first = ages_ms.findIndex((age) => age <= age_ms);
      return new Map([[0, first < 0 ? ages_ms.length : first]]);
    };
  };

  test("is told within an eighth by some twenty questions", async () => {
    const age = fc.integer({ min: 2_000, max: 1_000_000_000 });
    await fc.assert(
      fc.asyncProperty(age, async (age_ms) => {
        const asked: number[] = [];
        const told = (await oldestAge([{ partition: 0, at: 0, records: 1 }], answering([age_ms, 10], asked))) ?? -1;
        assert.ok(told < age_ms && told >= age_ms / 1.15, `${told} for ${age_ms}`);
        assert.ok(asked.length <= 25);
      }),
    );
  });

  test("is nothing for what came just now", async () => {
    assert.equal(await oldestAge([{ partition: 0, at: 1, records: 1 }], answering([90_000, 300])), 0);
  });

  test("is not known where no more may be asked", async () => {
    assert.equal(await oldestAge([{ partition: 0, at: 0, records: 1 }], () => undefined), null);
  });
});
