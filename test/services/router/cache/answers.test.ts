/** Looks go together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Look, Sight } from "../../../../libs/shared/redis/cache-answers.ts";
import { MergedLooks } from "../../../../services/router/cache/answers.ts";

const NOTHING: Sight = { answer: undefined, leader: undefined };
const look = (entry_id: string, more: Partial<Look> = {}): Look => ({ tenant: "demo", entry_id, ...more });

function setUp() {
  const batches: string[][] = [];
  const replies: PromiseWithResolvers<void>[] = [];
  const looks = new MergedLooks({
    async look(asked) {
      batches.push(asked.map(({ entry_id, lead }) => `${entry_id} ${lead?.kind ?? ""}`.trim()));
      const reply = Promise.withResolvers<void>();
      replies.push(reply);
      await reply.promise;
      return asked.map(({ entry_id }) => ({ ...NOTHING, leader: entry_id }));
    },
  });
  const answer = async (): Promise<void> => {
    replies.shift()?.resolve();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return { looks, batches, replies, answer };
}

const turn = async (): Promise<void> => {
  for (let each = 0; each < 10; each += 1) await Promise.resolve();
};

test("asked for at once, or while others are under way, they go in one round trip; equal ones once", async () => {
  const { looks, batches, answer } = setUp();
  const first = [looks.look(look("a")), looks.look(look("b")), looks.look(look("a"))];
  await turn();
  const second = [
    looks.look(look("c")),
    looks.look(look("a")),
    looks.look(look("a", { lead: { kind: "see", lane: "batch" } })),
  ];
  await turn();
  assert.deepEqual(batches, [["a", "b"]]);
  await answer();
  assert.deepEqual(batches[1], ["c", "a", "a see"]);
  await answer();
  const leaders = (await Promise.all([...first, ...second])).map(({ leader }) => leader);
  assert.deepEqual(leaders, ["a", "b", "a", "c", "a", "a"]);
});

test("one round trip has so many looks", async () => {
  const { looks, batches, answer } = setUp();
  const all = Array.from({ length: 300 }, (_, index) => looks.look(look(`e${index}`)));
  await turn();
  await answer();
  await answer();
  await Promise.all(all);
  assert.deepEqual(
    batches.map(({ length }) => length),
    [256, 44],
  );
});

test("two that take the same lead are two looks", async () => {
  const { looks, batches, answer } = setUp();
  const take = (id: string) => looks.look(look("a", { lead: { kind: "take", lane: "batch", id, ttl_ms: 1 } }));
  const both = [take("r1"), take("r2"), take("r1")];
  await turn();
  await answer();
  await Promise.all(both);
  assert.deepEqual(batches, [["a take", "a take"]]);
});

test("a round trip that fails fails its own looks, and the next one goes on", async () => {
  const { looks, replies, answer } = setUp();
  const failed = looks.look(look("a"));
  await turn();
  replies.shift()?.reject(new Error("away"));
  await assert.rejects(failed, /away/);
  const next = looks.look(look("a"));
  await turn();
  await answer();
  assert.equal((await next).leader, "a");
});
