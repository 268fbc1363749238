/** What a result does to what was held for it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { countersOf } from "../../../libs/shared/budgets/scopes.ts";
import type { OutcomeHead } from "../../../libs/shared/events/flow.ts";
import { type Reservation, usageEntrySchema } from "../../../libs/shared/events/usage.ts";
import { usdOf } from "../../../libs/shared/money.ts";
import { overReserved_nusd, settlementOf } from "../../../services/results/settlement.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const reservation: Reservation = {
  hold_id: "h1",
  reserved_nusd: 5_000,
  tokens: 40,
  counters: countersOf({ session: "s", user: "u" }, NOW_MS),
  at_ms: NOW_MS - 1_000,
};
const usage = (cost_nusd: number, estimated = false) => ({
  ...{ prompt_tokens: 10, cached_prompt_tokens: 4, completion_tokens: 7 },
  ...{ cost_usd: usdOf(cost_nusd), price_version: "v1", estimated },
});
const outcome = (more: Partial<OutcomeHead>): OutcomeHead => ({
  ...{ id: "r1", tenant: "demo", content_hash: "h", status: "failed", timing: { completed: NOW_MS - 10 }, reservation },
  ...more,
});

describe("a result with a hold", () => {
  test("is settled at its cost, with its tokens and price", () => {
    const route = { tier: "small", model: "m1", reason: "", cache: "miss", attempts: 1 } as const;
    assert.deepEqual(settlementOf(outcome({ status: "succeeded", route, usage: usage(1_234) }), NOW_MS), {
      ...{ kind: "settled", cause: "result", tenant: "demo", id: "r1", hold_id: "h1", at_ms: NOW_MS },
      ...{ reserved_nusd: 5_000, settled_nusd: 1_234, counters: reservation.counters },
      ...{ tokens: { reserved: 40, used: 17 }, price_version: "v1", tier: "small", model: "m1" },
      billed: { prompt_tokens: 10, cached_prompt_tokens: 4, completion_tokens: 7 },
    });
  });

  test("says where a provider's Batch API did it, at other prices", () => {
    const entry = settlementOf(outcome({ usage: { ...usage(700), batched: true } }), NOW_MS);
    assert.equal(entry?.billed?.batched, true);
  });

  test("that failed after tokens came is settled at what they cost", () => {
    const entry = settlementOf(outcome({ usage: usage(700, true) }), NOW_MS);
    assert.deepEqual([entry?.kind, entry?.cause, entry?.settled_nusd], ["settled", "result", 700]);
  });

  test("of several hops, one of them unknown, takes all that was held, and more where that was too little", () => {
    for (const [cost_nusd, settled_nusd] of [
      [700, 5_000],
      [7_000, 7_000],
    ] as const) {
      const entry = settlementOf(outcome({ status: "succeeded", usage: usage(cost_nusd), unknown_calls: 1 }), NOW_MS);
      assert.deepEqual([entry?.kind, entry?.cause, entry?.settled_nusd], ["settled", "unknown_call", settled_nusd]);
      assert.equal(entry?.billed, undefined);
    }
  });

  test("of several tiers has its cost, but no counts that one price could be put to", () => {
    const decision = { by: "escalation" } as const;
    const route = { tier: "large", model: "m2", reason: "", cache: "miss", attempts: 2, decision } as const;
    const entry = settlementOf(outcome({ status: "succeeded", route, usage: usage(700) }), NOW_MS);
    assert.deepEqual([entry?.settled_nusd, entry?.tokens?.used, entry?.billed], [700, 17, undefined]);
  });

  test("whose calls have unknown answers takes all that was held: nothing that may be billed is given back", () => {
    for (const status of ["failed", "expired", "cancelled"] as const) {
      const entry = settlementOf(outcome({ status, unknown_calls: 1 }), NOW_MS);
      assert.deepEqual([entry?.kind, entry?.cause, entry?.settled_nusd], ["settled", "unknown_call", 5_000]);
      assert.deepEqual(entry?.tokens, { reserved: 40, used: 40 });
    }
  });

  test("without a call is given back", () => {
    for (const status of ["rejected", "failed", "expired", "cancelled"] as const) {
      const entry = settlementOf(outcome({ status }), NOW_MS);
      assert.deepEqual([entry?.kind, entry?.cause, entry?.settled_nusd], ["released", "no_call", 0]);
      assert.deepEqual([entry?.reserved_nusd, entry?.tokens], [5_000, { reserved: 40, used: 0 }]);
    }
  });
});

describe("a result without a hold", () => {
  const { reservation: _, ...unheld } = outcome({});

  test("is in the ledger with its cost, in the tenant's windows of when it ended", () => {
    const ended_ms = Date.UTC(2026, 9, 31, 23, 59, 59);
    const entry = settlementOf({ ...unheld, usage: usage(99), timing: { completed: ended_ms } }, NOW_MS);
    assert.deepEqual([entry?.kind, entry?.hold_id, entry?.reserved_nusd], ["settled", "none", 0]);
    assert.deepEqual([entry?.settled_nusd, entry?.tokens], [99, { reserved: 0, used: 17 }]);
    assert.deepEqual(entry?.counters, [
      { scope: "tenant_day", subject: "", window: "2026-10-31" },
      { scope: "tenant_month", subject: "", window: "2026-10" },
    ]);
    assert.equal(overReserved_nusd(entry as NonNullable<typeof entry>), 0);
  });

  test("that cost nothing is not in the ledger", () => {
    assert.equal(settlementOf(unheld, NOW_MS), undefined);
    assert.equal(settlementOf({ ...unheld, unknown_calls: 3 }, NOW_MS), undefined);
  });
});

test("an entry is in the ledger's shape, closes its own hold, and says what went beyond it", () => {
  // Up to a million dollars, which a request never costs: dollars on the wire are exact so far.
  const nusd = fc.integer({ min: 0, max: 1_000_000_000_000_000 });
  fc.assert(
    fc.property(nusd, fc.option(nusd, { nil: undefined }), fc.nat(3), (reserved_nusd, cost, unknown_calls) => {
      const held = { reservation: { ...reservation, reserved_nusd }, unknown_calls };
      const entry = settlementOf(outcome({ ...held, ...(cost === undefined ? {} : { usage: usage(cost) }) }), NOW_MS);
      assert.ok(entry !== undefined);
      usageEntrySchema.parse(entry);
      assert.deepEqual([entry.hold_id, entry.reserved_nusd], ["h1", reserved_nusd]);
      assert.equal(entry.settled_nusd, Math.max(cost ?? 0, unknown_calls > 0 ? reserved_nusd : 0));
      assert.equal(overReserved_nusd(entry), Math.max(0, entry.settled_nusd - reserved_nusd));
    }),
  );
});
