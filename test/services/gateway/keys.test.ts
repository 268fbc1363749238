/** Who may call, by the keys as they stand on the topic. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeyRecord } from "../../../libs/shared/events/tenants.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../libs/shared/keys.ts";
import { KeyRing } from "../../../services/gateway/keys.ts";

const mine = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const unknown = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 2));
const record: KeyRecord = {
  ...{ kind: "key", id: mine.id, tenant: "demo", hash: mine.hash, scopes: ["submit"], created_ms: 0 },
};

/** `null` is a record that is gone. */
function ring(...records: readonly (KeyRecord | null)[]): KeyRing {
  const keys = new KeyRing();
  for (const record of records) keys.apply({ id: mine.id, record: record ?? undefined });
  return keys;
}

describe("an API key", () => {
  test("names its tenant", () => {
    assert.deepEqual(ring(record).authenticate(`Bearer ${mine.key}`, "submit"), {
      ...{ ok: true, caller: { tenant: "demo", key_id: mine.id, scopes: ["submit"] } },
    });
    assert.equal(ring(record).authenticate(`bearer  ${mine.key}`, "submit").ok, true);
  });

  test("lacks what its scopes do not say", () => {
    const outcome = ring(record).authenticate(`Bearer ${mine.key}`, "read");
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.status, outcome.code], [403, "scope_missing"]);
  });

  for (const header of [undefined, "", "Bearer", "Bearer ", mine.key, `Basic ${mine.key}`, `Bearer ${mine.key} x`]) {
    test(`is missing from ${header === undefined ? "no header" : JSON.stringify(header.slice(0, 12))}`, () => {
      const outcome = ring(record).authenticate(header, "submit");
      assert.ok(!outcome.ok);
      assert.deepEqual([outcome.status, outcome.code], [401, "api_key_missing"]);
    });
  }

  test("that is malformed, unknown, forged, revoked or deleted gets one and the same answer", () => {
    const forged: KeyRecord = { ...record, hash: unknown.hash };
    const answers = [
      ring(record).authenticate("Bearer slc_x", "submit"),
      ring(record).authenticate(`Bearer ${unknown.key}`, "submit"),
      ring(forged).authenticate(`Bearer ${mine.key}`, "submit"),
      ring(record, { ...record, revoked_ms: 1 }).authenticate(`Bearer ${mine.key}`, "submit"),
      ring(record, null).authenticate(`Bearer ${mine.key}`, "submit"),
    ];
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.ok(answers[0]?.ok === false && answers[0].code === "api_key_invalid");
  });
});
