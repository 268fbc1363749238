/** Answers come back into a Redis that has lost them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cacheEntryOut, cacheTombstoneOut } from "../../../../libs/shared/cache/entry-records.ts";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import type { CacheEntryHead } from "../../../../libs/shared/events/cache.ts";
import type { InRecord, OutRecord } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { type RestoreDeps, restoreAnswers } from "../../../../services/router/cache/restore.ts";
import { MemoryCacheAnswers } from "../../../../tools/simulate/cache-answers.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { inRecord, jsonCodec, NAMES } from "../../../support/memory-ports.ts";
import { HOUR_MS, NEVER } from "./fixture.ts";

const headOf = (entry_id: string, more: Partial<CacheEntryHead> = {}): CacheEntryHead => ({
  ...{ entry_id, namespace: "n1", tenant: "demo", created_ms: START_MS, expires_ms: START_MS + HOUR_MS },
  ...{ request_id: "r1", tier: "small", model: "m", cost_usd: 0.5 },
  ...more,
});
const asRead = ({ key, value, headers = {} }: OutRecord): InRecord =>
  inRecord(value, { topic: NAMES.cache, key: Buffer.from(String(key)), headers });
const put = (head: CacheEntryHead, response = "{}"): InRecord =>
  asRead(cacheEntryOut(jsonCodec, NAMES.cache, head, Buffer.from(response)));

function setUp(records: readonly InRecord[], more: Partial<RestoreDeps> = {}) {
  const clock = new VirtualClock();
  const answers = new MemoryCacheAnswers(clock);
  const current = new Set<string>();
  const name = ({ namespace, entry_id, created_ms }: Pick<CacheEntryHead, "namespace" | "entry_id" | "created_ms">) =>
    `${namespace} ${entry_id} ${created_ms}`;
  const deps: RestoreDeps = {
    answers,
    codec: jsonCodec,
    readAll: (each) => each(records),
    isCurrent: (entry) => current.has(name(entry)),
    takesTurn: async () => true,
    clock,
    log: silentLog,
    ...more,
  };
  const index = (...heads: CacheEntryHead[]): void => heads.forEach((head) => void current.add(name(head)));
  return { answers, current, index, name, run: (stopping = NEVER) => restoreAnswers(deps, stopping) };
}

describe("a restore", () => {
  test("puts back the answers of the entries that the index holds, with what is left of their time", async () => {
    const [a, b, gone, over] = [
      headOf("a"),
      headOf("b", { tenant: "other" }),
      headOf("gone"),
      headOf("over", { expires_ms: 1 }),
    ];
    const removed = asRead(cacheTombstoneOut(NAMES.cache, gone));
    const junk = inRecord("junk", { topic: NAMES.cache });
    const { answers, index, run } = setUp([put(gone), put(a, '{"a":1}'), junk, put(b), removed, put(over)]);
    index(a, b, over);
    await run();
    assert.deepEqual(answers.keys.toSorted(), ["cache:alive", "cache:{demo}:answer:a", "cache:{other}:answer:b"]);
    const [sight] = await answers.look([{ tenant: "demo", entry_id: "a" }]);
    assert.deepEqual(sight?.answer, {
      ...{
        entry_id: "a",
        created_ms: START_MS,
        expires_ms: START_MS + HOUR_MS,
        tier: "small",
        model: "m",
        cost_usd: 0.5,
      },
      response: Buffer.from('{"a":1}'),
    });
  });

  test("takes the latest of what was written, and leaves what is there", async () => {
    const [older, newer] = [headOf("a", { model: "older", created_ms: START_MS - 5 }), headOf("a", { model: "newer" })];
    const { answers, index, run } = setUp([put(older), put(newer), put(headOf("b"))]);
    index(newer, headOf("b"));
    const there = {
      entry_id: "b",
      created_ms: START_MS,
      expires_ms: START_MS + 9,
      tier: "t",
      model: "there",
      cost_usd: 0,
    };
    const answer = { ...there, response: Buffer.from("{}") };
    await answers.finish([{ tenant: "demo", entry_id: "b", answer }], [], START_MS);
    await run();
    const sights = await answers.look([
      { tenant: "demo", entry_id: "a" },
      { tenant: "demo", entry_id: "b" },
    ]);
    assert.deepEqual(
      sights.map((sight) => sight.answer?.model),
      ["newer", "there"],
    );
  });

  test("takes back what was invalidated while it was put back", async () => {
    const clock = new VirtualClock();
    const answers = new MemoryCacheAnswers(clock);
    const { current, index, run } = setUp([put(headOf("a")), put(headOf("b"))], {
      answers: {
        restore: async (...all) => {
          current.clear();
          index(headOf("b"));
          await answers.restore(...all);
        },
        remove: (refs) => answers.remove(refs),
        setAlive: () => answers.setAlive(),
      },
    });
    index(headOf("a"), headOf("b"));
    await run();
    assert.deepEqual(answers.keys, ["cache:{demo}:answer:b", "cache:alive"]);
  });

  test("is one router's work at a time", async () => {
    const { answers, index, run } = setUp([put(headOf("a"))], { takesTurn: async () => false });
    index(headOf("a"));
    await run();
    assert.deepEqual(answers.keys, []);
  });

  test("that stops on the way is not done: another begins anew", async () => {
    const { answers, index, run } = setUp([put(headOf("a"))]);
    index(headOf("a"));
    await assert.rejects(run(AbortSignal.abort()), isRetryable);
    assert.equal(await answers.isAlive(), false);
  });
});
