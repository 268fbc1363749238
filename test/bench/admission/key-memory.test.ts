import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bytesByKind, mibAtRest, mibPerMillion } from "../../../bench/admission/key-memory.ts";

describe("the memory of keys", () => {
  test("the tables' part is shared by both kinds, and nothing is left over", () => {
    const parts = bytesByKind({ both_bytes: 600, seen_usage_bytes: 300, idempotency_usage_bytes: 200 });
    assert.deepEqual(parts, { seen_bytes: 350, idempotency_bytes: 250 });
  });

  test("comes to rest when as many keys leave as come", () => {
    const mib = 2 ** 20;
    assert.equal(mibPerMillion(mib / 1_000), 1_000);
    assert.equal(mibAtRest(mib, 2, 1), 7_200);
  });
});
