/** Entries as they stand on the cache topic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cacheEntryOut, cacheTombstoneOut, readCacheChange } from "../../../../libs/shared/cache/entry-records.ts";
import { type CacheEntryHead, cacheEntrySchema } from "../../../../libs/shared/events/cache.ts";
import type { EventCodec } from "../../../../libs/shared/events/codec.ts";
import type { InRecord, OutRecord } from "../../../../libs/shared/kafka/ports.ts";

const codecOf = (trusted: boolean): EventCodec => ({
  encode: (_topic, ...json) => Buffer.concat(json),
  decode: async ({ value }) => ({ kind: "json", payload: value ?? Buffer.alloc(0), trusted }),
});
const ours = codecOf(true);

const entry: CacheEntryHead = {
  entry_id: "e1",
  namespace: "n1",
  tenant: "acme",
  created_ms: 1,
  expires_ms: 2,
  request_id: "r1",
  tier: "small",
  model: "m",
  cost_usd: 0.001,
};
// Spaces as a provider may send them: the bytes are kept.
const response = Buffer.from('{"id": "x",  "choices": []}');

function stored({ topic, key, value, headers }: OutRecord): InRecord {
  return {
    topic,
    partition: 0,
    offset: 0,
    timestamp_ms: 0,
    headers: headers ?? {},
    key: key === null ? null : Buffer.from(key),
    value,
  };
}

test("what is written is read back, the response byte for byte, by the schema of the topic", async () => {
  const record = cacheEntryOut(ours, "llm.cache", entry, response);
  assert.equal(record.key, "n1:e1");
  assert.ok(cacheEntrySchema.safeParse(JSON.parse(record.value?.toString() ?? "")).success);
  assert.deepEqual(await readCacheChange(ours, stored(record)), { kind: "put", key: "n1:e1", entry, response });
});

test("a tombstone names what is gone", async () => {
  const record = cacheTombstoneOut("llm.cache", entry);
  assert.deepEqual(record, { topic: "llm.cache", key: "n1:e1", value: null });
  const change = await readCacheChange(ours, stored(record));
  assert.deepEqual(change, { kind: "removed", key: "n1:e1", namespace: "n1", entry_id: "e1" });
});

test("what an operator wrote by hand is checked", async () => {
  const record = stored(cacheEntryOut(ours, "t", entry, response));
  assert.equal((await readCacheChange(codecOf(false), record))?.kind, "put");
  const { tenant: _, ...nobodys } = entry;
  const bad = stored(cacheEntryOut(ours, "t", nobodys as CacheEntryHead, response));
  assert.equal(await readCacheChange(codecOf(false), bad), undefined);
});

const good = stored(cacheEntryOut(ours, "t", entry, response));
const others: readonly (readonly [string, InRecord])[] = [
  ["the key of another entry", { ...good, key: Buffer.from("n1:e2") }],
  ["no key", { ...good, key: null }],
  ["a tombstone without a key", { ...good, key: null, value: null }],
  ["bytes that are not JSON", { ...good, headers: {}, value: Buffer.from("{") }],
  ["no response", { ...good, headers: {}, value: Buffer.from(JSON.stringify(entry)) }],
];
for (const [name, record] of others) {
  test(`passed over: ${name}`, async () => assert.equal(await readCacheChange(ours, record), undefined));
}
