import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { LedgerFold } from "../../../../libs/shared/budgets/ledger-fold.ts";
import { counterName, countersOf } from "../../../../libs/shared/budgets/scopes.ts";
import type { UsageEntry } from "../../../../libs/shared/events/usage.ts";

const NOON = Date.parse("2026-11-21T12:00:00Z");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const KEEP = { seen_ttl_ms: DAY, session_ttl_ms: 7 * DAY };

function entry(kind: UsageEntry["kind"], fields: Partial<UsageEntry> = {}): UsageEntry {
  const { tenant = "acme", id = "one", at_ms = NOON } = fields;
  return {
    kind,
    tenant,
    id,
    hold_id: `h-${id}`,
    at_ms,
    reserved_nusd: kind === "adjusted" ? 0 : 100,
    settled_nusd: 0,
    counters: countersOf({ session: "s", user: "u" }, at_ms),
    cause: "admitted",
    ...fields,
  };
}

function reserved(fields: Partial<UsageEntry> = {}): UsageEntry {
  const known = { content_hash: "hash", place: "llm.requests 0 7", expires_ms: NOON + HOUR };
  return entry("reserved", { ...known, tokens: { reserved: 30 }, user: "u", key_id: "k", ...fields });
}

function foldOf(entries: readonly UsageEntry[], keep = KEEP): LedgerFold {
  const fold = new LedgerFold(keep);
  for (const [offset, one] of entries.entries()) fold.add(0, offset, one);
  return fold;
}

const sums = (fold: LedgerFold, now_ms = NOON) =>
  Object.fromEntries(
    fold
      .snapshot(now_ms, KEEP)
      .counters.map(({ counter, reserved_nusd, settled_nusd }) => [
        counterName(counter),
        [reserved_nusd, settled_nusd],
      ]),
  );

describe("what entries do to counters", () => {
  const cases: readonly [string, UsageEntry[], [number, number]][] = [
    ["a reservation is held", [reserved()], [100, 0]],
    ["a repeat of it changes nothing", [reserved(), reserved()], [100, 0]],
    ["settling closes it", [reserved(), entry("settled", { settled_nusd: 40 })], [0, 40]],
    ["a repeat after the end opens nothing", [reserved(), entry("released"), reserved()], [0, 0]],
    ["releasing closes it", [reserved(), entry("released")], [0, 0]],
    ["it closes once", [reserved(), entry("released"), entry("settled", { settled_nusd: 40 })], [0, 40]],
    ["settling without a hold adds", [entry("settled", { settled_nusd: 40 })], [0, 40]],
    ["an adjustment may be negative", [entry("adjusted", { settled_nusd: -5 })], [0, -5]],
  ];
  for (const [name, entries, expected] of cases) {
    test(name, () => {
      assert.deepEqual(sums(foldOf(entries)), {
        "session::s": expected,
        "user_day:2026-11-21:u": expected,
        "tenant_day:2026-11-21:": expected,
        "tenant_month:2026-11:": expected,
      });
    });
  }
});

describe("a request that was reserved again after the counters were lost", () => {
  const first = reserved({ hold_id: "first", reserved_nusd: 100 });
  const again = reserved({ hold_id: "again", reserved_nusd: 70, at_ms: NOON + 20_000 });
  const end = entry("settled", { hold_id: "again", reserved_nusd: 70, settled_nusd: 40, at_ms: NOON + 30_000 });
  const cases: readonly [string, UsageEntry[], [number, number]][] = [
    ["has the later hold", [first, again], [70, 0]],
    ["has it whichever was told first", [again, first], [70, 0]],
    ["ends once", [first, again, end], [0, 40]],
    ["is not held by what is told after its end", [again, end, first], [0, 40]],
    ["is not held by a repeat", [first, again, first, end, first], [0, 40]],
  ];
  for (const [name, entries, expected] of cases) {
    test(name, () => {
      const fold = foldOf(entries);
      assert.deepEqual(sums(fold)["tenant_day:2026-11-21:"], expected);
      assert.equal(fold.snapshot(NOON, KEEP).rates.length, 1);
      assert.deepEqual(
        [fold.totals().get("acme")?.reserved_nusd, fold.totals().get("acme")?.holds],
        [expected[0], Math.sign(expected[0])],
      );
    });
  }
});

test("holds, seen ids and rates are what admission needs again", () => {
  const fold = foldOf([
    reserved({ id: "old", at_ms: NOON - 25 * HOUR }),
    entry("released", { id: "old" }),
    reserved({ id: "done", at_ms: NOON - HOUR }),
    entry("settled", { id: "done", settled_nusd: 40, tokens: { reserved: 30, used: 12 } }),
    reserved({ id: "open" }),
  ]);
  const { holds, seen, rates, applied } = fold.snapshot(NOON, KEEP);
  assert.deepEqual(
    holds.map(({ id, expires_ms, user, key_id, reservation }) => [id, expires_ms, user, key_id, reservation.tokens]),
    [["open", NOON + HOUR, "u", "k", 30]],
  );
  assert.deepEqual(
    seen.map(({ id, settled, place }) => [id, settled, place]),
    [
      ["done", true, "llm.requests 0 7"],
      ["open", false, "llm.requests 0 7"],
    ],
  );
  assert.deepEqual(
    rates.map(({ at_ms, tokens }) => [at_ms, tokens]),
    [
      [NOON - HOUR, 12],
      [NOON, 30],
    ],
  );
  assert.deepEqual([...applied], [[0, "4"]]);
});

test("counters of windows long over are left out, sessions that were silent begin again", () => {
  const at = (days: number) => NOON - days * DAY;
  const fold = foldOf([
    entry("adjusted", { settled_nusd: 1, at_ms: at(60) }),
    entry("adjusted", { settled_nusd: 2, at_ms: at(5) }),
    entry("adjusted", { settled_nusd: 4, at_ms: at(2), counters: countersOf({}, at(2)) }),
  ]);
  assert.deepEqual(sums(fold), {
    "session::s": [0, 2],
    "tenant_day:2026-11-19:": [0, 4],
    "tenant_month:2026-11:": [0, 6],
  });
});

test("marks of transactions move the place, and never back", () => {
  const fold = foldOf([reserved()]);
  fold.reached(0, 9);
  fold.reached(1, -1);
  assert.equal(fold.add(0, 9, entry("released")), false);
  assert.deepEqual([...fold.snapshot(NOON, KEEP).applied], [[0, "9"]]);
  assert.equal(fold.totals().get("acme")?.holds, 1);
});

/** What happens to a request, in order: a hold, repeats of it, an end or none. */
const story = fc.record({
  reserved_nusd: fc.integer({ min: 0, max: 1_000 }),
  repeats: fc.integer({ min: 0, max: 2 }),
  end: fc.constantFrom("settled" as const, "released" as const, undefined),
  settled_nusd: fc.integer({ min: 0, max: 2_000 }),
  session: fc.constantFrom("a", "b", undefined),
  late: fc.boolean(),
});

test("a fold of any interleaving that keeps each tenant's order equals direct sums", () => {
  const tenants = fc.array(fc.array(story, { maxLength: 12 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(tenants, fc.infiniteStream(fc.nat(2)), (stories, choices) => {
      const direct = new Map<string, [number, number]>();
      const queues = stories.map((list, number) => list.flatMap((one, index) => entriesOf(`t${number}`, index, one)));
      for (const [number, list] of stories.entries())
        for (const one of list) {
          const open = one.end === undefined ? one.reserved_nusd : 0;
          const settled = one.end === "settled" ? one.settled_nusd : 0;
          for (const counter of countersOf({ session: one.session }, NOON)) {
            const name = `t${number} ${counterName(counter)}`;
            const [reserved_nusd, settled_nusd] = direct.get(name) ?? [0, 0];
            direct.set(name, [reserved_nusd + open, settled_nusd + settled]);
          }
        }
      const fold = new LedgerFold(KEEP);
      let offset = 0;
      while (queues.some((queue) => queue.length > 0)) {
        const from = queues.filter((queue) => queue.length > 0);
        const next = from[choices.next().value % from.length]?.shift();
        if (next !== undefined) fold.add(0, offset++, next);
      }
      const { counters } = fold.snapshot(NOON, KEEP);
      const folded = counters.map(({ tenant, counter, reserved_nusd, settled_nusd }): [string, [number, number]] => [
        `${tenant} ${counterName(counter)}`,
        [reserved_nusd, settled_nusd],
      ]);
      assert.deepEqual(new Map(folded), direct);
    }),
    { numRuns: 300, seed: 5 },
  );
});

function entriesOf(tenant: string, index: number, one: Story): UsageEntry[] {
  const id = `r${index}`;
  const counters = countersOf({ session: one.session }, NOON);
  const { reserved_nusd, settled_nusd } = one;
  const hold = reserved({ tenant, id, reserved_nusd, counters });
  const end = one.end === undefined ? [] : [entry(one.end, { tenant, id, reserved_nusd, settled_nusd, counters })];
  const repeats = Array.from({ length: one.repeats }, () => hold);
  return one.late ? [hold, ...end, ...repeats] : [hold, ...repeats, ...end];
}

type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;

test("what is forgotten on the way is what no snapshot would hold", () => {
  const keeping = new LedgerFold();
  const pruning = new LedgerFold(KEEP);
  for (let number = 0; number < 5_000; number++) {
    const at_ms = NOON - 10 * DAY + number * 170_000;
    const one = { id: `r${number}`, at_ms, counters: countersOf({ user: `u${number % 7}` }, at_ms) };
    for (const [index, each] of [reserved(one), entry("settled", { ...one, settled_nusd: number })].entries()) {
      keeping.add(0, number * 2 + index, each);
      pruning.add(0, number * 2 + index, each);
    }
  }
  const now_ms = NOON - 10 * DAY + 5_000 * 170_000;
  assert.deepEqual(pruning.snapshot(now_ms, KEEP), keeping.snapshot(now_ms, KEEP));
});
