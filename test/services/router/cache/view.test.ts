/** What records of `llm.cache` do to the index. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cacheEntryOut, cacheTombstoneOut } from "../../../../libs/shared/cache/entry-records.ts";
import { encodeVector } from "../../../../libs/shared/embedding/quantized.ts";
import type { CacheEntryHead } from "../../../../libs/shared/events/cache.ts";

import type { InRecord, OutRecord } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { MemoryIndex } from "../../../../services/router/cache/index/memory-index.ts";
import { CacheViewWriter } from "../../../../services/router/cache/view.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { jsonCodec } from "../../../support/memory-ports.ts";

const TOPIC = "llm.cache";
const VECTOR = Int8Array.from({ length: 64 }, (_, at) => at - 32);
const RESPONSE = Buffer.from(`{"choices":[]}`);
const HEAD: CacheEntryHead = {
  entry_id: "e",
  namespace: "n",
  text: "how are you",
  embedding: encodeVector(VECTOR),
  embedding_model: "model",
  tenant: "t",
  created_ms: 0,
  expires_ms: 5_000,
  request_id: "r",
  tier: "small",
  model: "m",
  cost_usd: 0,
};

function setUp() {
  const clock = new VirtualClock(1_000);
  const index = new MemoryIndex({ dimensions: 64, entries_max: 10, tenant_entries_max: 10 });
  const removed: string[] = [];
  const expired: string[] = [];
  const writer = new CacheViewWriter({
    codec: jsonCodec,
    index,
    dimensions: 64,
    clock,
    log: silentLog,
    removed: ({ entry_id }) => removed.push(entry_id),
    expired: ({ entry_id }) => expired.push(entry_id),
  });
  return { index, writer, removed, expired };
}

function read({ topic, key, value, headers = {} }: OutRecord): InRecord {
  const bytes = typeof key === "string" ? Buffer.from(key) : key;
  return { topic, partition: 0, offset: 0, key: bytes, value, headers, timestamp_ms: 0 };
}

const put = (changes: Partial<CacheEntryHead> = {}): InRecord =>
  read(cacheEntryOut(jsonCodec, TOPIC, { ...HEAD, ...changes }, RESPONSE));

describe("the view of llm.cache", () => {
  test("has an entry as it was written, and finds it by its vector", async () => {
    const { index, writer } = setUp();
    await writer.write([put()]);
    const { embedding: _, ...head } = HEAD;
    assert.deepEqual(
      index.nearest("n", VECTOR, 1, 1_000).map(({ entry }) => entry),
      [{ ...head, vector: VECTOR }],
    );
  });

  test("loses an entry by its tombstone, and says so", async () => {
    const { index, writer, removed } = setUp();
    await writer.write([put(), read(cacheTombstoneOut(TOPIC, HEAD))]);
    assert.equal(index.size, 0);
    assert.deepEqual(removed, ["e"]);
  });

  test("passes over what has expired, also where it replaces what had not", async () => {
    const { index, writer, expired } = setUp();
    await writer.write([put(), put({ expires_ms: 1_000 })]);
    assert.deepEqual([index.size, expired], [0, ["e"]]);
  });

  test("takes the latest of two", async () => {
    const { index, writer } = setUp();
    await writer.write([put(), put({ model: "later" })]);
    assert.equal(index.size, 1);
    assert.equal(index.nearest("n", VECTOR, 1, 1_000)[0]?.entry.model, "later");
  });

  test("skips what nobody can read, counts it and goes on", async () => {
    const { index, writer } = setUp();
    const bad: Partial<InRecord>[] = [
      { value: Buffer.from("{") },
      { value: Buffer.from("{}") },
      { key: Buffer.from("other:e") },
      { key: Buffer.from("no colon"), value: null },
    ];
    await writer.write([...bad.map((changes) => ({ ...put(), ...changes })), put({ entry_id: "last" })]);
    assert.equal(writer.skipped, bad.length);
    assert.equal(index.size, 1);
  });

  test("keeps an entry whose vector is of another model, for equal requests alone", async () => {
    const { index, writer } = setUp();
    await writer.write([put({ embedding: encodeVector(new Int8Array(3)) })]);
    assert.equal(index.size, 1);
    assert.deepEqual(index.nearest("n", VECTOR, 1, 1_000), []);
  });
});
