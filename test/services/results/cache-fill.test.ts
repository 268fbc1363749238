/** Which outcomes leave an entry in the cache (I5), and that all of them end their lead. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cacheEntryHead } from "../../../libs/shared/events/cache.ts";
import type { OutcomeHead } from "../../../libs/shared/events/flow.ts";
import { decodeAnswer } from "../../../libs/shared/redis/cache-answers.ts";
import { cacheEntryOf, tellCache } from "../../../services/results/cache-fill.ts";
import { MemoryCacheAnswers } from "../../../tools/simulate/cache-answers.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

const RESPONSE = Buffer.from('{"choices":[]}');
const outcome: OutcomeHead = {
  id: "r1",
  tenant: "demo",
  content_hash: "h",
  status: "succeeded",
  route: { tier: "small", model: "m", reason: "", cache: "miss", attempts: 1 },
  usage: {
    ...{ prompt_tokens: 3, cached_prompt_tokens: 0, completion_tokens: 2 },
    ...{ cost_usd: 0.25, price_version: "v", estimated: false },
  },
  timing: { received: START_MS - 20, completed: START_MS - 10 },
  fill: {
    ...{ entry_id: "e1", namespace: "n1", label: "faq", text: "hi", embedding: "AA==", embedding_model: "mini" },
    ...{ ttl_ms: 1_000, store: true },
  },
  complete: true,
};

describe("an entry of the cache", () => {
  test("is made of a whole answer, and names whose it is", () => {
    const entry = cacheEntryOf(outcome, RESPONSE, 100);
    assert.deepEqual(entry, {
      head: {
        ...{ entry_id: "e1", namespace: "n1", label: "faq", text: "hi", embedding: "AA==", embedding_model: "mini" },
        ...{ tenant: "demo", created_ms: START_MS - 10, expires_ms: START_MS + 990, request_id: "r1" },
        ...{ tier: "small", model: "m", cost_usd: 0.25 },
      },
      response: RESPONSE,
    });
    assert.deepEqual(cacheEntryHead.parse(entry?.head), entry?.head);
  });

  test("is not made of anything else", () => {
    const { complete: _complete, ...unknown } = outcome;
    const { fill, ...unasked } = outcome;
    const { route: _route, ...unrouted } = outcome;
    const { usage: _usage, ...unpriced } = outcome;
    const bad: Record<string, OutcomeHead> = {
      ...{ unknown, unasked, unrouted, unpriced, incomplete: { ...outcome, complete: false } },
      unwanted: { ...outcome, fill: { ...(fill as NonNullable<typeof fill>), store: false } },
      unfinished: { ...outcome, timing: {} },
    };
    for (const status of ["failed", "rejected", "cancelled", "expired"] as const) bad[status] = { ...outcome, status };
    for (const [what, one] of Object.entries(bad)) assert.equal(cacheEntryOf(one, RESPONSE, 100), undefined, what);
    assert.equal(cacheEntryOf(outcome, undefined, 100), undefined);
    assert.equal(cacheEntryOf(outcome, RESPONSE, RESPONSE.length - 1), undefined);
    assert.notEqual(cacheEntryOf(outcome, RESPONSE, RESPONSE.length), undefined);
  });
});

describe("the cache is told", () => {
  test("after the answer is there, and only the leader's own lead ends", async () => {
    const clock = new VirtualClock();
    const heard: string[] = [];
    const answers = new MemoryCacheAnswers(clock, ({ entry_id }) => heard.push(`${entry_id} ${answers.keys.length}`));
    const ref = { tenant: "demo", entry_id: "e1" };
    const take = (id: string) =>
      answers.look([{ ...ref, lead: { kind: "take", lane: "interactive", id, ttl_ms: 500 } }]);
    assert.equal((await take("r1"))[0]?.leader, "r1");
    const entry = cacheEntryOf(outcome, RESPONSE, 100);
    const failed: OutcomeHead = { ...outcome, id: "r2", status: "failed" };
    const cache = { answers, response_bytes_max: 100 };
    await tellCache(cache, [], [failed], START_MS);
    assert.equal((await take("r3"))[0]?.leader, "r1");
    await tellCache(cache, entry === undefined ? [] : [entry], [outcome], START_MS);
    assert.deepEqual(heard, ["e1 1", "e1 1"]);
    const [sight] = await answers.look([{ ...ref, lead: { kind: "see", lane: "interactive" } }]);
    assert.deepEqual([sight?.leader, sight?.answer?.response, sight?.answer?.model], [undefined, RESPONSE, "m"]);
  });

  test("nothing by outcomes that have nothing to do with it", async () => {
    const { fill: _fill, ...plain } = outcome;
    const answers = { finish: () => assert.fail("a round trip for nothing") };
    await tellCache({ answers, response_bytes_max: 100 }, [], [plain], START_MS);
  });
});

test("an answer is read as it was written; what is none counts as none", () => {
  for (const junk of ["", "{}", "{}\n{}", "x\n{}", "null\n"])
    assert.equal(decodeAnswer(Buffer.from(junk)), undefined, junk);
  assert.equal(decodeAnswer(null), undefined);
});
