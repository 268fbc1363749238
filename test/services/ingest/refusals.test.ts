/** Refusals in words: scope, window, limit, what is left, what was needed, and when to come back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Refusal } from "../../../libs/shared/budgets/admission-store.ts";
import { keyTakenError, refusalError } from "../../../services/ingest/refusals.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const request = { tenant: "acme", user: "ann", session: "s1", key_id: "k1" };
const said = (refusal: Refusal) => refusalError(refusal, request, NOW_MS);
const money = { limit: 1_500_000_000, left: 24, needed: 2_000_000 };

describe("a refusal", () => {
  test("of a budget says the window and when it ends", () => {
    const day = said({ reason: "budget", scope: "tenant_day", ...money, retry_after_ms: 500 });
    assert.deepEqual([day.code, day.type, day.retry_after_ms], ["budget_exceeded", "insufficient_quota", 500]);
    assert.match(day.message, /tenant_day, tenant acme: \$0\.000000024 left of \$1\.50, .* cost \$0\.002; /);
    assert.match(day.message, /UTC day 2026-11-21 ends at 2026-11-22T00:00:00\.000Z$/);
    assert.match(
      said({ reason: "budget", scope: "tenant_month", ...money }).message,
      /month 2026-11 ends at 2026-12-01/,
    );
    assert.match(said({ reason: "budget", scope: "user_day", ...money }).message, /user ann/);
    const session = said({ reason: "budget", scope: "session", ...money });
    assert.match(session.message, /session s1: .*does not reset/);
    assert.equal("retry_after_ms" in session, false);
  });

  test("of a limit says whose, how much, and when to come back", () => {
    const cases: readonly (readonly [Refusal, string, RegExp])[] = [
      [
        { reason: "rate_requests", scope: "key", limit: 60, left: 0, needed: 1, retry_after_ms: 1_200 },
        "rate_limited",
        /API key k1 may send 60 .*in 2 s$/,
      ],
      [
        { reason: "rate_tokens", scope: "global", limit: 100, left: 7.5, needed: 200 },
        "rate_limited",
        /^all tenants .*7 left; this request may use 200$/,
      ],
      [
        { reason: "quota", scope: "user", limit: 5, left: 0, needed: 1 },
        "quota_exceeded",
        /^user ann .*2026-11-21 ends at 2026-11-22/,
      ],
      [
        { reason: "in_flight", scope: "tenant", limit: 3, left: 0, needed: 1 },
        "in_flight_exceeded",
        /^tenant acme .*has 3; wait/,
      ],
      [
        { reason: "velocity", scope: "tenant", limit: 2e9, left: 0, needed: 1 },
        "tenant_stopped",
        /more than \$2\.00 .*administrator/,
      ],
    ];
    for (const [refusal, code, message] of cases) {
      assert.equal(said(refusal).code, code);
      assert.match(said(refusal).message, message);
    }
  });

  test("of an idempotency key names the first request", () => {
    const taken = keyTakenError({ kind: "key_taken", id: "b", first_id: "a", same_content: false });
    assert.equal(taken.code, "idempotency_key_reused");
    assert.match(taken.message, /in the request a;/);
    assert.match(keyTakenError({ kind: "key_taken", id: "b", first_id: "a", same_content: true }).message, /id a;/);
  });
});
