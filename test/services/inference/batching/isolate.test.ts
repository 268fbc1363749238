/** One bad member fails alone, within a bounded number of calls. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isolateFailures, type SendResult, spoils } from "../../../../services/inference/batching/isolate.ts";

type Result = SendResult<string, string>;

const numbers = (length: number): number[] => Array.from({ length }, (_, at) => at);

/** A provider that refuses any batch with a culprit in it. @returns what became of the members, and the calls made. */
async function run(length: number, culprits: ReadonlySet<number>) {
  const calls: (readonly number[])[] = [];
  const ends = await isolateFailures<number, string, string>(numbers(length), async (members): Promise<Result> => {
    calls.push(members);
    if (members.some((member) => culprits.has(member))) return { kind: "spoiled", failure: `of ${members.join()}` };
    return { kind: "answers", answers: members.map((member) => `answer ${member}`) };
  });
  return { ends, calls };
}

const ofSize = fc
  .integer({ min: 0, max: 100 })
  .chain((length) => fc.record({ length: fc.constant(length), culprits: fc.subarray(numbers(length)) }));

describe("isolating", () => {
  test("lets every other member succeed and each culprit fail alone, wherever they are", async () => {
    await fc.assert(
      fc.asyncProperty(ofSize, async ({ length, culprits }) => {
        const bad = new Set(culprits);
        const { ends, calls } = await run(length, bad);
        assert.deepEqual(
          ends,
          numbers(length).map((at) =>
            bad.has(at) ? { kind: "refused", failure: `of ${at}` } : { kind: "answered", answer: `answer ${at}` },
          ),
        );
        assert.ok(calls.length <= length + 1 + 4 * Math.ceil(Math.log2(Math.max(1, length))));
      }),
    );
  });

  test("needs one call when all is well, and few for one culprit", async () => {
    assert.equal((await run(64, new Set())).calls.length, 1);
    for (const length of [2, 3, 4, 5, 7, 8, 33, 64, 100]) {
      for (const culprit of [0, Math.floor(length / 2), length - 1]) {
        const { calls } = await run(length, new Set([culprit]));
        assert.ok(calls.length <= 1 + 2 * Math.ceil(Math.log2(length)), `${calls.length} calls for ${length}`);
      }
    }
  });

  test("stops halving where most are culprits", async () => {
    assert.equal((await run(64, new Set(numbers(64)))).calls.length, 15 + 64);
  });

  test("sends nothing for nobody", async () => {
    assert.equal((await run(0, new Set())).calls.length, 0);
  });

  test("does not send again what failed for another reason", async () => {
    const sizes: number[] = [];
    const ends = await isolateFailures<number, string, string>(numbers(8), async (members): Promise<Result> => {
      sizes.push(members.length);
      if (members.length === 8) return { kind: "spoiled", failure: "no" };
      return members.includes(0)
        ? { kind: "failed", failure: "overloaded" }
        : { kind: "answers", answers: members.map(String) };
    });
    assert.deepEqual(sizes, [8, 4, 4]);
    assert.deepEqual(
      ends.map(({ kind }) => kind),
      ["failed", "failed", "failed", "failed", "answered", "answered", "answered", "answered"],
    );
  });

  test("sends each alone, at once, where the batch as such does not work", async () => {
    const sizes: number[] = [];
    const ends = await isolateFailures<number, string, string>(numbers(8), async (members): Promise<Result> => {
      sizes.push(members.length);
      if (members.length > 1) return { kind: "unbatchable", failure: "mismatch" };
      return members[0] === 3
        ? { kind: "unbatchable", failure: "no" }
        : { kind: "answers", answers: members.map(String) };
    });
    assert.deepEqual(sizes, [8, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert.deepEqual(ends[3], { kind: "refused", failure: "no" });
    assert.equal(ends.filter(({ kind }) => kind === "answered").length, 7);
  });

  test("does not hand out answers that do not fit the members", async () => {
    const send = async (): Promise<Result> => ({ kind: "answers", answers: ["one"] });
    await assert.rejects(isolateFailures(numbers(2), send), /2 members were given 1 answers/);
  });

  test("is for statuses that refuse what is in a request", () => {
    assert.deepEqual([200, 400, 401, 404, 413, 422, 429, 500].filter(spoils), [400, 413, 422]);
  });
});
