/** Which requests wait, until when, and in what order. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Refusal } from "../../../libs/shared/budgets/admission-store.ts";
import {
  type DeferralFacts,
  Deferrals,
  deferOf,
  deferredRecord,
  ROWS_MAX,
  type Subjects,
} from "../../../services/ingest/deferral.ts";
import { NAMES } from "../../support/memory-ports.ts";

const NOW_MS = 1_000_000;
const settings = { waiting_max: 10, wait_ms_min: 1_000, wait_ms_max: 3_600_000 };
const refusal = (more: Partial<Refusal> = {}): Refusal => ({
  reason: "rate_requests",
  scope: "tenant",
  limit: 60,
  left: 0,
  needed: 1,
  retry_after_ms: 5_000,
  ...more,
});
const facts = (more: Partial<DeferralFacts> = {}): DeferralFacts => ({
  refusal: refusal(),
  lane: "batch",
  now_ms: NOW_MS,
  settings,
  ...more,
});

describe("a refused request", () => {
  const rows: readonly (readonly [what: string, more: Partial<DeferralFacts>, wait_ms: number | undefined])[] = [
    ["of the batch lane waits", {}, 5_000],
    ["of the interactive lane does not", { lane: "interactive" }, undefined],
    ["that asks to wait waits", { lane: "interactive", on_limit: "defer" }, 5_000],
    ["that asks not to does not", { on_limit: "reject" }, undefined],
    ["that waiting does not help", { refusal: refusal({ retry_after_ms: undefined }) }, undefined],
    ["is not asked too often", { refusal: refusal({ retry_after_ms: 3 }) }, 1_000],
    ["is looked at once in a while", { refusal: refusal({ retry_after_ms: 40_000_000 }) }, 3_600_000],
    ["with a deadline after that waits", { deadline_ms: NOW_MS + 5_001 }, 5_000],
    ["with a deadline before that does not", { deadline_ms: NOW_MS + 5_000 }, undefined],
    [
      "with a deadline before it can fit does not",
      { refusal: refusal({ retry_after_ms: 40_000_000 }), deadline_ms: NOW_MS + 30_000_000 },
      undefined,
    ],
    ["comes after those before it, at the limit's pace", { last_due_ms: NOW_MS + 98_000 }, 99_021],
    ["does not come later for those that are through", { last_due_ms: NOW_MS - 98_000 }, 5_000],
    [
      "whose turn is after its deadline does not",
      { last_due_ms: NOW_MS + 9_000, deadline_ms: NOW_MS + 9_500 },
      undefined,
    ],
    [
      "for tokens comes at a pace that hopes for some back",
      { last_due_ms: NOW_MS + 9_000, refusal: refusal({ reason: "rate_tokens", limit: 6_000, needed: 400 }) },
      10_000,
    ],
    [
      "for a budget keeps its order",
      { last_due_ms: NOW_MS + 9_000, refusal: refusal({ reason: "budget", scope: "tenant_day" }) },
      9_001,
    ],
  ];
  for (const [what, more, wait_ms] of rows) {
    test(what, () => {
      const expected = wait_ms === undefined ? undefined : { due_ms: NOW_MS + wait_ms };
      assert.deepEqual(deferOf(facts(more)), expected);
    });
  }

  test("waits within the bounds, before its deadline, and never before those in its row", () => {
    const natural = fc.integer({ min: 0, max: 100_000_000 });
    const reason = fc.constantFrom("budget", "rate_requests", "rate_tokens", "quota", "in_flight");
    const step = fc.record({ reason, retry_after_ms: natural, later_ms: fc.integer({ min: 0, max: 10_000 }), natural });
    const steps = fc.array(step, { maxLength: 40 });
    fc.assert(
      fc.property(steps, (all) => {
        const deferrals = new Deferrals();
        const last = new Map<string, number>();
        let now_ms = NOW_MS;
        for (const { reason, retry_after_ms, later_ms, natural } of all) {
          now_ms += later_ms;
          const deadline_ms = natural % 2 === 0 ? undefined : now_ms + natural;
          const of_row = refusal({ reason: reason as Refusal["reason"], retry_after_ms });
          const due_ms = deferrals.defer({ tenant: "demo" }, facts({ refusal: of_row, now_ms, deadline_ms }))?.due_ms;
          if (due_ms === undefined) continue;
          assert.ok(Number.isInteger(due_ms));
          assert.ok(due_ms >= now_ms + settings.wait_ms_min && due_ms <= now_ms + settings.wait_ms_max);
          assert.ok(deadline_ms === undefined || due_ms < deadline_ms);
          const before_ms = last.get(reason) ?? 0;
          assert.ok(due_ms > before_ms || due_ms === now_ms + settings.wait_ms_max, "in order, up to the longest wait");
          last.set(reason, Math.max(before_ms, due_ms));
        }
      }),
    );
  });
});

describe("a row", () => {
  const wait_ms = (deferrals: Deferrals, subjects: Subjects, more: Partial<Refusal> = {}) =>
    (deferrals.defer(subjects, facts({ refusal: refusal({ reason: "budget", ...more }) }))?.due_ms ?? 0) - NOW_MS;

  test("is of one limit of one subject", () => {
    const deferrals = new Deferrals();
    const ann = { tenant: "demo", user: "ann", key_id: "k", session: "s" };
    const bob = { tenant: "demo", user: "bob", key_id: "l", session: "t" };
    for (const scope of ["user", "user_day", "key", "session"] as const) {
      assert.deepEqual([wait_ms(deferrals, ann, { scope }), wait_ms(deferrals, ann, { scope })], [5_000, 5_001], scope);
      assert.equal(wait_ms(deferrals, bob, { scope }), 5_000, scope);
    }
    assert.equal(wait_ms(deferrals, ann, { scope: "tenant_day" }), 5_000);
    assert.equal(wait_ms(deferrals, bob, { scope: "tenant_day" }), 5_001);
    assert.equal(wait_ms(deferrals, { tenant: "other" }, { scope: "tenant_day" }), 5_000);
    assert.equal(wait_ms(deferrals, ann, { scope: "global", reason: "rate_tokens", needed: 0 }), 5_000);
    assert.equal(wait_ms(deferrals, { tenant: "other" }, { scope: "global", reason: "rate_tokens", needed: 0 }), 5_001);
  });

  test("is not moved by what is refused for good", () => {
    const deferrals = new Deferrals();
    const one = { tenant: "demo" };
    deferrals.defer(one, facts({ on_limit: "reject" }));
    assert.equal(deferrals.rows, 0);
  });

  test("that nobody was added to for longest is forgotten first", () => {
    const deferrals = new Deferrals();
    for (let at = 0; at <= ROWS_MAX; at += 1) {
      wait_ms(deferrals, { tenant: `t${at}` });
      if (at === 5) wait_ms(deferrals, { tenant: "t0" });
    }
    assert.equal(deferrals.rows, ROWS_MAX);
    assert.equal(wait_ms(deferrals, { tenant: "t0" }), 5_002);
    assert.equal(wait_ms(deferrals, { tenant: "t1" }), 5_000);
  });
});

test("the record has the request's bytes, where it is from and when it is due", () => {
  const source = {
    key: "k",
    headers: { "sluice-origin": "llm.requests 0 1 2", "sluice-round": "1", traceparent: "t" },
  };
  const request = Buffer.from('{"tenant":"demo"}');
  const about = { tenant: "demo", due_ms: 7, deadline_ms: 9 };
  assert.deepEqual(deferredRecord(NAMES, source, request, about), {
    topic: NAMES.deferred,
    key: "k",
    value: request,
    headers: { ...source.headers, "sluice-tenant": "demo", "sluice-deadline-ms": "9", "sluice-due-ms": "7" },
  });
  assert.equal(
    deferredRecord(NAMES, source, request, { tenant: "demo", due_ms: 7 }).headers?.["sluice-deadline-ms"],
    undefined,
  );
});
