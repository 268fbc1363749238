import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bareAsk, fullAsk } from "../../../bench/admission/asks.ts";
import { RATE_TENANTS, rateAsk } from "../../../bench/admission/rates/tenants.ts";
import { COUNTER_SCOPES } from "../../../libs/shared/budgets/scopes.ts";

const NOW_MS = Date.UTC(2026, 10, 21);

describe("what the scenarios ask", () => {
  test("a full ask is under every scope of limits and budgets", () => {
    const { needs } = fullAsk(7, NOW_MS);
    assert.deepEqual(needs?.rates.map(({ scope }) => scope).sort(), ["global", "key", "tenant", "user"]);
    for (const rate of needs?.rates ?? []) assert.ok(rate.requests_per_minute && rate.tokens_per_minute);
    for (const scope of COUNTER_SCOPES) assert.ok(needs?.caps_nusd[scope]);
    assert.ok(needs?.session && needs.user && needs.in_flight_max);
  });

  test("no two of them are the same request", () => {
    const asks = Array.from({ length: 2_000 }, (_, at) => bareAsk(at, NOW_MS));
    assert.equal(new Set(asks.map(({ id }) => id)).size, asks.length);
    assert.equal(new Set(asks.map(({ place }) => place)).size, asks.length);
    assert.equal(new Set(asks.map(({ idempotency }) => idempotency)).size, asks.length);
  });

  test("no tenant of the rates uses more than it reserved, and none could pass its limit with one request", () => {
    for (const tenant of RATE_TENANTS) {
      for (let at = 0; at < 200; at += 1) {
        const reserved = rateAsk(tenant, at, NOW_MS).needs?.tokens ?? 0;
        assert.ok(tenant.used_tokens(at) > 0 && tenant.used_tokens(at) <= reserved && reserved < 1_000);
      }
    }
  });
});
