/** The cache's answers and leads on a real Redis. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import {
  answerKey,
  ENDED_CHANNEL,
  type KeptAnswer,
  leadKey,
  parseEndedWord,
} from "../../../../libs/shared/redis/cache-answers.ts";
import { RedisCacheAnswers } from "../../../../libs/shared/redis/cache-answers-store.ts";
import { connectGiven, without_redis } from "../../../support/redis.ts";

const NOW_MS = 1_000;
const answerOf = (entry_id: string, expires_ms = NOW_MS + 60_000): KeptAnswer => ({
  ...{ entry_id, created_ms: NOW_MS, expires_ms, tier: "small", model: "m", cost_usd: 0.5 },
  response: Buffer.from('{"text":"zwölf\\n"}\n'),
});

describe("the cache on Redis", { skip: without_redis }, () => {
  const tenant = `test-${randomUUID()}`;
  const ref = (entry_id: string) => ({ tenant, entry_id });
  const keeping = (entry_id: string, expires_ms?: number) => ({
    ...ref(entry_id),
    answer: answerOf(entry_id, expires_ms),
  });
  const take = (id: string) => ({ kind: "take", lane: "batch", id, ttl_ms: 60_000 }) as const;
  let redis: Redis;
  let answers: RedisCacheAnswers;
  before(async () => {
    redis = await connectGiven("cache-test", `${tenant}:`);
    answers = new RedisCacheAnswers(redis);
  });
  after(() => redis.disconnect());

  test("keeps answers for their time, byte by byte, each for its tenant", async () => {
    await answers.finish([keeping("a"), keeping("over", NOW_MS)], [], NOW_MS);
    const looks = [ref("a"), ref("over"), { tenant: `${tenant}2`, entry_id: "a" }];
    const sights = await answers.look(looks);
    assert.deepEqual(sights, [
      { answer: answerOf("a"), leader: undefined },
      { answer: undefined, leader: undefined },
      { answer: undefined, leader: undefined },
    ]);
    const left_ms = await redis.pttl(answerKey(ref("a")));
    assert.ok(left_ms > 0 && left_ms <= 60_000);
    await answers.remove([ref("a"), ref("never")]);
    assert.equal((await answers.look([ref("a")]))[0]?.answer, undefined);
  });

  test("of 64 who take a lead at once one has it; it ends for that one alone", async () => {
    const looks = Array.from({ length: 64 }, (_, index) => answers.look([{ ...ref("b"), lead: take(`r${index}`) }]));
    const leaders = new Set((await Promise.all(looks)).map(([sight]) => sight?.leader));
    assert.equal(leaders.size, 1);
    const [leader = ""] = [...leaders].map(String);
    const left_ms = await redis.pttl(leadKey(ref("b"), "batch"));
    assert.ok(left_ms > 0 && left_ms <= 60_000);
    const see = async () => (await answers.look([{ ...ref("b"), lead: { kind: "see", lane: "batch" } }]))[0]?.leader;
    await answers.finish([], [{ ...ref("b"), id: "another" }], NOW_MS);
    assert.equal(await see(), leader);
    await answers.finish([], [{ ...ref("b"), id: leader }], NOW_MS);
    assert.equal(await see(), undefined);
  });

  test("says that a lead has ended once the answer is there", async () => {
    const listener = await connectGiven("cache-test-words", `${tenant}:`);
    const heard = Promise.withResolvers<string>();
    listener.on("message", (_channel, word) => {
      // In a cluster a word from before may come late.
      const ended = parseEndedWord(word);
      if (ended.tenant === tenant && ended.entry_id === "c") heard.resolve(word);
    });
    await listener.subscribe(ENDED_CHANNEL);
    await answers.look([{ ...ref("c"), lead: take("r1") }]);
    await answers.finish([keeping("c")], [{ ...ref("c"), id: "r1" }], NOW_MS);
    assert.deepEqual(parseEndedWord(await heard.promise), ref("c"));
    const [sight] = await answers.look([{ ...ref("c"), lead: { kind: "see", lane: "batch" } }]);
    assert.deepEqual([sight?.answer?.entry_id, sight?.leader], ["c", undefined]);
    listener.disconnect();
  });

  test("puts back what is not there and leaves what is", async () => {
    const newer = { ...keeping("d"), answer: { ...answerOf("d"), model: "newer" } };
    await answers.finish([newer], [], NOW_MS);
    await answers.restore([keeping("d"), keeping("e"), keeping("over", NOW_MS)], NOW_MS);
    const models = (await answers.look([ref("d"), ref("e"), ref("over")])).map(({ answer }) => answer?.model);
    assert.deepEqual(models, ["newer", "m", undefined]);
  });

  test("knows whether it has lost anything", async () => {
    assert.equal(await answers.isAlive(), false);
    await answers.setAlive();
    assert.equal(await answers.isAlive(), true);
  });

  test("away is a retryable error", async () => {
    const away = new RedisCacheAnswers(
      new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null }),
    );
    await assert.rejects(away.look([ref("a")]), isRetryable);
  });
});
