/** Admission counters in memory. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import type { Answer, Ask, Needs, Refusal } from "../../../../libs/shared/budgets/admission-store.ts";
import { MemoryAdmissionStore } from "../../../../libs/shared/budgets/memory-store.ts";
import { COUNTER_SCOPES } from "../../../../libs/shared/budgets/scopes.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { askOf, EMPTY_SNAPSHOT, entryOf, needsOf, OPTIONS, rateOf } from "./asks.ts";

let clock: VirtualClock;
let store: MemoryAdmissionStore;
let offset = 0;

const restore = async () => (await store.begin())?.finish(EMPTY_SNAPSHOT);
const advance = async (ms: number) => {
  let passed = false;
  clock.after(ms, () => {
    passed = true;
  });
  await clock.run(() => passed, Number.POSITIVE_INFINITY);
};
const ask = async (one: Ask): Promise<Answer> => (await store.reserve([one]))[0] as Answer;
const admitted = async (one: Ask) => {
  const answer = await ask(one);
  assert.ok(answer.kind === "admitted", JSON.stringify(answer));
  return answer;
};
const refusal = async (one: Ask): Promise<Refusal> => {
  const answer = await ask(one);
  assert.ok(answer.kind === "refused", answer.kind);
  return answer.refusal;
};
const apply = async (entry: Parameters<typeof entryOf>, context: object = {}) => {
  offset += 1;
  const entries = [{ partition: 0, offset: String(offset), entry: entryOf(...entry), caps_nusd: {}, ...context }];
  return (await store.apply(entries))[0];
};
const sums = () =>
  Object.fromEntries(
    store.counters().map(({ counter, reserved_nusd, settled_nusd }) => [counter.scope, [reserved_nusd, settled_nusd]]),
  );

beforeEach(async () => {
  clock = new VirtualClock();
  store = new MemoryAdmissionStore({ ...OPTIONS, clock });
  offset = 0;
  await restore();
});

describe("who an ask is", () => {
  test("the same record again has its hold; the same request elsewhere is a repeat, other content a conflict", async () => {
    const { reservation, epoch } = await admitted(askOf("a"));
    assert.deepEqual(await ask(askOf("a")), { kind: "redelivered", id: "a", reservation, epoch });
    assert.deepEqual(await ask(askOf("a", { place: "t 1 9" })), { kind: "repeated", id: "a" });
    assert.deepEqual(await ask(askOf("a", { content_hash: "x" })), { kind: "conflict", id: "a" });
    assert.equal((await ask(askOf("a", { tenant: "other" }))).kind, "admitted", "ids are the tenant's");
  });

  test("what has ended is a repeat, wherever it comes from", async () => {
    const { reservation } = await admitted(askOf("a"));
    await apply(["settled", "a", reservation, { settled_nusd: 3 }]);
    assert.deepEqual(await ask(askOf("a")), { kind: "repeated", id: "a" });
    assert.deepEqual(await ask(askOf("a", { reentry: true })), { kind: "repeated", id: "a" });
  });

  test("what re-enters is nobody's repeat: where it was forgotten, the one that came meanwhile may count on it", async () => {
    const { reservation, epoch } = await admitted(askOf("a", { place: "t 1 9" }));
    assert.deepEqual(await ask(askOf("a", { reentry: true })), { kind: "redelivered", id: "a", reservation, epoch });
    assert.deepEqual(await ask(askOf("a", { reentry: true, content_hash: "x" })), { kind: "conflict", id: "a" });
  });

  test("a refusal is remembered for its record, but not when it re-enters", async () => {
    const full = { caps_nusd: { tenant_day: 5 } };
    const first = await refusal(askOf("a", {}, full));
    assert.deepEqual(await refusal(askOf("a")), first, "though it would fit by now");
    assert.equal((await ask(askOf("a", { reentry: true }))).kind, "admitted");
  });

  test("a refusal binds what comes again of the same turn; the next turn is asked anew", async () => {
    const full = { caps_nusd: { tenant_day: 5 } };
    await refusal(askOf("a", {}, full));
    const second = await refusal(askOf("a", { reentry: true, turn: "17" }, full));
    assert.deepEqual(await refusal(askOf("a", { reentry: true, turn: "17" })), second, "though it would fit by now");
    assert.equal((await ask(askOf("a", { reentry: true, turn: "18" }))).kind, "admitted");
    assert.equal((await ask(askOf("a", { reentry: true, turn: "17" }))).kind, "redelivered");
  });

  test("without needs, identity alone is judged", async () => {
    const bare: Ask = { ...askOf("a"), needs: undefined };
    assert.deepEqual(await ask(bare), { kind: "known", id: "a" });
    assert.deepEqual(await ask(bare), { kind: "known", id: "a" });
    assert.deepEqual(await ask(askOf("a", { content_hash: "x" })), { kind: "conflict", id: "a" });
    assert.deepEqual(store.counters(), []);
  });

  test("an idempotency key belongs to the request that was first admitted with it", async () => {
    const key = { idempotency: "k", content_hash: "same" };
    await admitted(askOf("a", { ...key, has_own_id: false }));
    assert.deepEqual(await ask(askOf("b", { ...key, has_own_id: false })), { kind: "repeated", id: "a" });
    const taken = { kind: "key_taken", id: "c", first_id: "a" };
    assert.deepEqual(await ask(askOf("c", key)), { ...taken, same_content: true });
    assert.deepEqual(await ask(askOf("c", key)), { ...taken, same_content: true }, "redelivered");
    const other = { ...key, content_hash: "x", has_own_id: false };
    assert.deepEqual(await ask(askOf("d", other)), { ...taken, id: "d", same_content: false });
    assert.equal((await ask(askOf("a", { ...key, has_own_id: false }))).kind, "redelivered");
    await advance(OPTIONS.idempotency_ttl_ms);
    assert.equal((await ask(askOf("e", { ...key, has_own_id: false }))).kind, "admitted");
  });

  test("a refusal takes no key, unless its request will come back by itself", async () => {
    const full = { caps_nusd: { tenant_day: 5 } };
    const key = { idempotency: "k", content_hash: "same", has_own_id: false };
    await refusal(askOf("a", key, full));
    await refusal(askOf("b", { ...key, defers: true }, full));
    assert.deepEqual(await ask(askOf("c", key)), { kind: "repeated", id: "b" });
    assert.equal((await ask(askOf("b", { ...key, reentry: true }))).kind, "admitted");
  });
});

describe("limits", () => {
  const cases: [string, Partial<Needs>, Partial<Refusal>][] = [
    ["in flight", { in_flight_max: 2 }, { reason: "in_flight", limit: 2, left: 0, needed: 1 }],
    ["quota", { rates: [rateOf({ requests_per_day: 2 })] }, { reason: "quota", scope: "tenant", left: 0 }],
    [
      "requests",
      { rates: [rateOf({ scope: "user", subject: "u", requests_per_minute: 2 })] },
      { reason: "rate_requests", scope: "user", limit: 2, left: 0, needed: 1, retry_after_ms: 60_500 },
    ],
    [
      "tokens",
      { rates: [rateOf({ scope: "global", tokens_per_minute: 12 })] },
      { reason: "rate_tokens", scope: "global", limit: 12, left: 2, needed: 5, retry_after_ms: 60_500 },
    ],
    [
      "tokens of a bucket",
      { rates: [rateOf({ tokens_per_minute: 60, algorithm: "token_bucket" })] },
      { reason: "rate_tokens", limit: 60, left: 0, needed: 5, retry_after_ms: 5_000 },
    ],
    [
      "a budget",
      { caps_nusd: { tenant_month: 29, tenant_day: 29 } },
      { reason: "budget", scope: "tenant_day", limit: 29, left: 9, needed: 10, retry_after_ms: 86_400_000 },
    ],
    ["a session", { session: "s", caps_nusd: { session: 29 } }, { reason: "budget", scope: "session" }],
  ];
  for (const [name, needs, expected] of cases) {
    test(`two fit and the third is refused: ${name}`, async () => {
      await admitted(askOf("a", {}, needs));
      await admitted(askOf("b", {}, needs));
      const before = store.counters();
      const refused = await refusal(askOf("c", {}, needs));
      assert.deepEqual({ ...refused, ...expected }, refused);
      assert.deepEqual(store.counters(), before, "nothing is charged");
    });
  }

  test("what is larger than its limit is told no time to come back", async () => {
    const rates = [rateOf({ tokens_per_minute: 4 })];
    assert.equal((await refusal(askOf("a", {}, { rates }))).retry_after_ms, undefined);
    assert.equal((await refusal(askOf("b", {}, { caps_nusd: { tenant_day: 9 } }))).retry_after_ms, undefined);
  });

  test("after the time told, it fits", async () => {
    for (const algorithm of ["sliding_window", "token_bucket"] as const) {
      const needs = { rates: [rateOf({ subject: "u", scope: "user", requests_per_minute: 12, algorithm })] };
      const tenant = algorithm;
      let refused: Refusal | undefined;
      for (let n = 0; refused === undefined; n += 1) {
        const answer = await ask(askOf(`${algorithm}${n}`, { tenant }, needs));
        if (answer.kind === "refused") refused = answer.refusal;
        else await advance(700);
      }
      await advance((refused.retry_after_ms ?? 0) - 1);
      await refusal(askOf(`${algorithm}-early`, { tenant }, needs));
      await advance(1);
      await admitted(askOf(`${algorithm}-late`, { tenant }, needs));
    }
  });

  test("room after the charge is the tightest", async () => {
    const user = rateOf({ scope: "user", subject: "u", requests_per_minute: 100, tokens_per_minute: 20 });
    const { room } = await admitted(askOf("a", {}, { rates: [user, rateOf({ requests_per_minute: 3 })] }));
    assert.deepEqual(room, {
      requests: { limit: 3, left: 2, reset_ms: 60_500 },
      tokens: { limit: 20, left: 15, reset_ms: 60_500 },
    });
  });

  test("tokens are corrected where they were charged", async () => {
    for (const algorithm of ["sliding_window", "token_bucket"] as const) {
      const needs = { tokens: 50, rates: [rateOf({ tokens_per_minute: 60, burst_s: 60, algorithm })] };
      const tenant = algorithm;
      const one = await admitted(askOf("a", { tenant }, needs));
      await refusal(askOf("b", { tenant }, needs));
      await apply(["settled", "a", one.reservation, { tenant, tokens: { reserved: 50, used: 4 } }]);
      const { room } = await admitted(askOf("c", { tenant }, needs));
      assert.equal(room.tokens?.left, 6);
    }
  });

  test("thresholds are told once, and anew of another cap", async () => {
    const told = async (id: string, cap: number) =>
      (await admitted(askOf(id, {}, { caps_nusd: { tenant_day: cap } }))).crossings.map(({ threshold }) => threshold);
    assert.deepEqual(await told("a", 25), []);
    assert.deepEqual(await told("b", 25), [0.5, 0.8]);
    assert.deepEqual(await told("c", 100), []);
    assert.deepEqual(await told("d", 40), [0.5, 0.8, 0.95]);
  });
});

describe("the ledger", () => {
  test("settling moves what was held; each offset counts once", async () => {
    const { reservation, epoch } = await admitted(askOf("a"));
    assert.deepEqual(await apply(["reserved", "a", reservation, { epoch }]), { kind: "skipped" });
    assert.deepEqual(sums(), { tenant_day: [10, 0], tenant_month: [10, 0] });
    await apply(["settled", "a", reservation, { settled_nusd: 7 }]);
    offset -= 1;
    assert.deepEqual(await apply(["settled", "a", reservation, { settled_nusd: 7 }]), { kind: "skipped" });
    assert.deepEqual(sums(), { tenant_day: [0, 7], tenant_month: [0, 7] });
    await apply(["settled", "a", reservation, { settled_nusd: 1 }]);
    await apply(["released", "a", reservation]);
    await apply(["adjusted", "x", reservation, { settled_nusd: -3 }]);
    assert.deepEqual(sums(), { tenant_day: [0, 5], tenant_month: [0, 5] });
  });

  test("a reservation of an earlier life is added once", async () => {
    const { reservation, epoch } = await admitted(askOf("a"));
    await restore();
    assert.deepEqual(sums(), {});
    assert.equal((await apply(["reserved", "a", reservation, { epoch }]))?.kind, "applied");
    assert.equal((await apply(["reserved", "a", reservation, { epoch }]))?.kind, "skipped");
    assert.deepEqual(sums(), { tenant_day: [10, 0], tenant_month: [10, 0] });
    assert.equal((await ask(askOf("a"))).kind, "redelivered");
  });

  test("a tenant that spends too fast is stopped until it is resumed", async () => {
    const velocity = { velocity: { window_s: 60, usd_nusd: 9 } };
    const spend = async (id: string, settled_nusd: number) => {
      const { reservation } = await admitted(askOf(id));
      return apply(["settled", id, reservation, { settled_nusd }], velocity);
    };
    assert.deepEqual(await spend("a", 9), { kind: "applied", crossings: [], tripped: false });
    await advance(61_000);
    assert.deepEqual(await spend("b", 5), { kind: "applied", crossings: [], tripped: false });
    assert.deepEqual(await spend("c", 5), { kind: "applied", crossings: [], tripped: true });
    assert.deepEqual(await refusal(askOf("d")), {
      reason: "velocity",
      scope: "tenant",
      limit: 9,
      left: 0,
      needed: 10,
    });
    assert.deepEqual(await store.tripped("acme"), { limit_nusd: 9, at_ms: clock.now_ms() });
    assert.deepEqual([await store.resume("acme"), await store.resume("acme")], [true, false]);
    assert.equal((await spend("e", 5))?.kind, "applied");
  });

  test("holds that are past their time are named until they are closed", async () => {
    const expires_ms = clock.now_ms() + 1_000;
    const { reservation } = await admitted(askOf("a", {}, { expires_ms }));
    await admitted(askOf("b"));
    assert.deepEqual(await store.expired(10), []);
    await advance(1_000);
    assert.deepEqual(await store.expired(10), [{ tenant: "acme", id: "a", reservation }]);
    assert.deepEqual(await store.expired(0), []);
    await apply(["released", "a", reservation]);
    assert.deepEqual(await store.expired(10), []);
  });
});

describe("the life of the counters", () => {
  test("lost counters admit nothing, and one at a time restores them", async () => {
    store.lose();
    assert.deepEqual(await ask(askOf("a")), { kind: "lost" });
    const restoring = await store.begin();
    assert.equal(await store.begin(), undefined);
    assert.deepEqual(await ask(askOf("a")), { kind: "lost" });
    await restoring?.abandon();
    assert.equal(await store.epoch(), undefined);
    assert.equal(await restore(), await store.epoch());
    assert.equal((await ask(askOf("a"))).kind, "admitted");
  });

  test("who was too slow, or lost all again, cannot finish", async () => {
    const slow = await store.begin();
    await advance(60_000);
    assert.notEqual(await restore(), undefined);
    await assert.rejects(async () => slow?.finish(EMPTY_SNAPSHOT));
    const other = await store.begin();
    store.lose();
    await assert.rejects(async () => other?.finish(EMPTY_SNAPSHOT));
    assert.equal(await store.epoch(), undefined);
  });
});

test("to let go of what has ended changes no answer", async () => {
  await admitted(askOf("a"));
  store.forgetEnded();
  assert.equal((await ask(askOf("a"))).kind, "redelivered");
  await advance(OPTIONS.seen_ttl_ms);
  store.forgetEnded();
  assert.equal((await ask(askOf("a", { place: "elsewhere" }))).kind, "admitted");
});

test("no sum passes its cap, and sums are those of the open holds and of what was settled", async () => {
  const amount = fc.nat(30);
  const step = fc.oneof(
    fc.record({ do: fc.constant("ask" as const), amount, user: fc.constantFrom("u", "v", undefined) }),
    fc.record({ do: fc.constant("end" as const), amount, which: fc.nat() }),
  );
  const caps = fc.record(Object.fromEntries(COUNTER_SCOPES.map((scope) => [scope, fc.integer({ min: 1, max: 99 })])));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), caps, async (steps, caps_nusd) => {
      store = new MemoryAdmissionStore({ ...OPTIONS, clock });
      await restore();
      const open: Extract<Answer, { kind: "admitted" }>[] = [];
      let settled = 0;
      for (const [n, one] of steps.entries()) {
        if (one.do === "ask") {
          const needs = needsOf({ reserved_nusd: one.amount, user: one.user, session: "s", caps_nusd });
          const answer = await ask(askOf(`r${n}`, {}, needs));
          if (answer.kind === "admitted") open.push(answer);
        } else {
          const [hold] = open.splice(one.which % (open.length + 1), 1);
          if (hold === undefined) continue;
          const settled_nusd = Math.min(one.amount, hold.reservation.reserved_nusd);
          settled += settled_nusd;
          await apply(["settled", hold.id, hold.reservation, { settled_nusd }]);
        }
        const reserved = open.reduce((sum, { reservation }) => sum + reservation.reserved_nusd, 0);
        for (const { counter, reserved_nusd, settled_nusd } of store.counters()) {
          assert.ok(reserved_nusd + settled_nusd <= (caps_nusd[counter.scope] ?? 0));
          if (counter.scope === "user_day") continue;
          assert.deepEqual([reserved_nusd, settled_nusd], [reserved, settled]);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test("no minute holds more than the limit, and steady load uses at least 98 % of it", async () => {
  const limit = 200;
  const needs = { rates: [rateOf({ requests_per_minute: limit })] };
  const times: number[] = [];
  for (let n = 0; n < 6_000; n += 1) {
    await advance(50);
    if ((await ask(askOf(`r${n}`, {}, needs))).kind === "admitted") times.push(clock.now_ms());
  }
  for (const [at, from_ms] of times.entries()) {
    const within = times[at + limit];
    assert.ok(within === undefined || within - from_ms >= 60_000);
  }
  const minutes = (6_000 * 50) / 60_000;
  assert.ok(times.length >= 0.98 * limit * minutes);
});
