/** Names and values of idempotency keys: the gateway and ingest meet in them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { holderText, idempotencyHash, idempotencyKey, readHolder } from "../../../../libs/shared/redis/idempotency.ts";

describe("an idempotency key", () => {
  test("is known by a hash of it, in its tenant's slot", () => {
    const hash = idempotencyHash("order 1\n{}");
    assert.match(hash, /^[A-Za-z0-9_-]{22}$/);
    assert.equal(idempotencyKey("demo", hash), `idem:{demo}:${hash}`);
    assert.notEqual(hash, idempotencyHash("order 2"));
  });

  test("belongs to a request and its content", () => {
    const holder = { id: "req_1", content_hash: "ab12" };
    assert.equal(holderText(holder), "req_1 ab12");
    assert.deepEqual(readHolder(holderText(holder)), holder);
    for (const text of ["", "req_1", "req_1 ", " ab", "a b c"]) assert.equal(readHolder(text), undefined, text);
  });
});
