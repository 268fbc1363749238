/** Tenants as they stand on the tenants topic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TenantBook } from "../../../../libs/shared/budgets/tenant-book.ts";
import type { EventCodec } from "../../../../libs/shared/events/codec.ts";
import { readTenantChange, tenantRecordOut } from "../../../../libs/shared/events/tenant-records.ts";
import type { TenantRecord } from "../../../../libs/shared/events/tenants.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";

const codec: EventCodec = {
  encode: (_topic, ...json) => Buffer.concat(json),
  decode: async ({ value }) => ({ kind: "json", payload: value ?? Buffer.alloc(0), trusted: true }),
};
const overrides = { budgets: { tenant_day_usd: 0.5, user_day_usd: null } };
const record: TenantRecord = { kind: "tenant", tenant: "demo", plan: "default", overrides, updated_ms: 1 };

function stored(key: string | null, value: unknown): InRecord {
  const bytes = value === null ? null : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  const place = { topic: "t", partition: 0, offset: 0, headers: {}, timestamp_ms: 0 };
  return { ...place, key: key === null ? null : Buffer.from(key), value: bytes };
}

test("what is written is read back, and stands until it is gone", async () => {
  const { key, value } = tenantRecordOut(codec, "t", record);
  const change = await readTenantChange(codec, stored(String(key), value?.toString() ?? null));
  assert.deepEqual(change, { tenant: "demo", record });
  const book = new TenantBook();
  if (change !== undefined) book.apply(change);
  assert.deepEqual(book.record("demo"), record);
  const gone = await readTenantChange(codec, stored("tenant:demo", null));
  if (gone !== undefined) book.apply(gone);
  assert.equal(book.record("demo"), undefined);
});

const others: readonly (readonly [string, string | null, unknown])[] = [
  ["a key's record", "key:demo", record],
  ["no key", null, record],
  ["bytes that are not JSON", "tenant:demo", "{"],
  ["another kind", "tenant:demo", { ...record, kind: "key" }],
  ["a cap that is none", "tenant:demo", { ...record, overrides: { budgets: { tenant_day_usd: -1 } } }],
  ["another tenant than the record's key", "tenant:acme", record],
];
for (const [name, key, value] of others) {
  test(`passed over: ${name}`, async () => {
    assert.equal(await readTenantChange(codec, stored(key, value)), undefined);
  });
}
