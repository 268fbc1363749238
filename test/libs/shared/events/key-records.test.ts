/** API keys as they stand on the tenants topic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventCodec } from "../../../../libs/shared/events/codec.ts";
import { keyRecordOut, readKeyChange } from "../../../../libs/shared/events/key-records.ts";
import type { KeyRecord } from "../../../../libs/shared/events/tenants.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";

const codec: EventCodec = {
  encode: (_topic, ...json) => Buffer.concat(json),
  decode: async ({ value }) => ({ kind: "json", payload: value ?? Buffer.alloc(0), trusted: true }),
};
const record: KeyRecord = {
  kind: "key",
  id: "0123456789",
  tenant: "demo",
  hash: "ab".repeat(32),
  scopes: ["submit"],
  created_ms: 1,
};

function stored(key: string | null, value: unknown): InRecord {
  const bytes = value === null ? null : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  const place = { topic: "t", partition: 0, offset: 0, headers: {}, timestamp_ms: 0 };
  return { ...place, key: key === null ? null : Buffer.from(key), value: bytes };
}

test("what is written is read back", async () => {
  const { key, value } = keyRecordOut(codec, "t", record);
  const change = await readKeyChange(codec, stored(String(key), value?.toString() ?? null));
  assert.deepEqual(change, { id: record.id, record });
});

test("a record without a value says that the key is gone", async () => {
  assert.deepEqual(await readKeyChange(codec, stored("key:0123456789", null)), { id: "0123456789", record: undefined });
});

const others: readonly (readonly [string, string | null, unknown])[] = [
  ["a tenant's record", "tenant:demo", record],
  ["no key", null, record],
  ["bytes that are not JSON", "key:0123456789", "{"],
  ["another kind", "key:0123456789", { kind: "tenant" }],
  ["a hash that is none", "key:0123456789", { ...record, hash: "short" }],
  ["another id than the record's key", "key:9999999999", record],
];
for (const [name, key, value] of others) {
  test(`passed over: ${name}`, async () => {
    assert.equal(await readKeyChange(codec, stored(key, value)), undefined);
  });
}
