/** Pieces keep their order and are worked on ahead within a bound; pieces of any size become chunks within theirs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { mapAhead, rechunk } from "../../../../services/replay/reading/ahead.ts";

async function* pieces(count: number, seen: { read: number; ended: boolean }): AsyncGenerator<number, void, void> {
  try {
    for (let at = 0; at < count; at += 1) {
      seen.read += 1;
      yield at;
    }
  } finally {
    seen.ended = true;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("work ahead", () => {
  test("keeps the order, whichever work ends first", async () => {
    const waiting: PromiseWithResolvers<void>[] = [];
    const seen = { read: 0, ended: false };
    const out: number[] = [];
    const all = (async () => {
      const work = async (one: number): Promise<number> => {
        const gate = Promise.withResolvers<void>();
        waiting[one] = gate;
        await gate.promise;
        return one;
      };
      for await (const one of mapAhead(pieces(3, seen), 2, work)) out.push(one);
    })();
    await settled();
    assert.equal(waiting.length, 3, "all are worked on at once");
    waiting[2]?.resolve();
    waiting[1]?.resolve();
    await settled();
    assert.deepEqual(out, []);
    waiting[0]?.resolve();
    await all;
    assert.deepEqual(out, [0, 1, 2]);
    assert.ok(seen.ended);
  });

  test("reads no further than it may, and ends the source with whoever takes", async () => {
    const seen = { read: 0, ended: false };
    const made = mapAhead(pieces(100, seen), 1, async (one) => one);
    for (let taken = 1; taken <= 5; taken += 1) {
      await made.next();
      await settled();
      assert.ok(seen.read <= taken + 1, `${seen.read} read, ${taken} taken`);
    }
    await made.return();
    assert.ok(seen.ended);
  });

  test("fails when the turn of what failed comes", async () => {
    const seen = { read: 0, ended: false };
    const work = async (one: number): Promise<number> => {
      if (one === 2) throw new Error("two");
      return one;
    };
    const out: number[] = [];
    await assert.rejects(async () => {
      for await (const one of mapAhead(pieces(5, seen), 3, work)) out.push(one);
    }, /two/);
    assert.deepEqual(out, [0, 1]);
    assert.ok(seen.ended);
  });

  test("fails with its source", async () => {
    // biome-ignore lint/correctness/useYield: it fails first
    async function* broken(): AsyncGenerator<number, void, void> {
      throw new Error("gone");
    }
    await assert.rejects(async () => {
      for await (const _ of mapAhead(broken(), 1, async (one) => one)) assert.fail("nothing comes");
    }, /gone/);
  });
});

test("chunks hold all in order, within their bounds", async () => {
  const given = fc.array(fc.array(fc.nat(50), { maxLength: 20 }), { maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(
      given,
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 90 }),
      async (some, count, bytes) => {
        async function* source() {
          yield* some;
        }
        const chunks: (readonly number[])[] = [];
        for await (const chunk of rechunk(source(), count, bytes, (item) => item)) chunks.push(chunk);
        assert.deepEqual(chunks.flat(), some.flat());
        for (const chunk of chunks) {
          assert.ok(chunk.length >= 1 && chunk.length <= count);
          const before_last = chunk.slice(0, -1).reduce((sum, item) => sum + item, 0);
          assert.ok(before_last < bytes, "one item alone may be too many bytes");
        }
      },
    ),
  );
});
