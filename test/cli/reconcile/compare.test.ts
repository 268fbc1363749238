import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { adjustmentsOf } from "../../../cli/reconcile/adjustments.ts";
import { allot, compareInvoice, comparePrices, difference_nusd } from "../../../cli/reconcile/compare.ts";
import type { InvoiceLine } from "../../../cli/reconcile/invoice.ts";
import { LedgerDays } from "../../../cli/reconcile/ledger-days.ts";
import { comparisonTable, unchargeable } from "../../../cli/reconcile/table.ts";
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import { type UsageEntry, usageEntrySchema } from "../../../libs/shared/events/usage.ts";

const DAY = "2026-11-21";
const NOW_MS = Date.parse("2026-12-02T08:00:00Z");

function settled(tenant: string, settled_nusd: number, more: Partial<UsageEntry> = {}): UsageEntry {
  return {
    ...{ kind: "settled", cause: "result", tenant, id: "r", hold_id: "h", at_ms: Date.parse(`${DAY}T10:00:00Z`) },
    ...{ reserved_nusd: 0, settled_nusd, counters: [], model: "m" },
    billed: { prompt_tokens: 10, cached_prompt_tokens: 0, completion_tokens: 2 },
    ...more,
  };
}

function line(cost_nusd: number, more: Partial<InvoiceLine> = {}): InvoiceLine {
  return { date: DAY, model: "m", requests: 2, prompt_tokens: 20, completion_tokens: 4, cost_nusd, ...more };
}

function daysOf(entries: readonly UsageEntry[], reprice?: ConstructorParameters<typeof LedgerDays>[0]): LedgerDays {
  const days = new LedgerDays(reprice);
  for (const entry of entries) days.add(entry);
  return days;
}

describe("splitting an amount", () => {
  const cases: readonly [number, number[], number[] | undefined][] = [
    [10, [1, 1], [5, 5]],
    [10, [1, 1, 1], [4, 3, 3]],
    [-10, [1, 1, 1], [-4, -3, -3]],
    [7, [3, 0, 1], [5, 0, 2]],
    [0, [1, 2], [0, 0]],
    [5, [0, 0], undefined],
    [5, [], undefined],
  ];
  for (const [amount, weights, parts] of cases) {
    test(`${amount} by ${weights}`, () => assert.deepEqual(allot(amount, weights), parts));
  }

  test("the parts sum up to it, and none is a whole unit off its due", () => {
    const weights = fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), weights, (amount, list) => {
        const total = list.reduce((sum, one) => sum + one, 0);
        const parts = allot(amount, list);
        if (parts === undefined) return assert.equal(total, 0);
        assert.equal(
          parts.reduce((sum, one) => sum + one, 0),
          amount,
        );
        for (const [index, part] of parts.entries()) {
          assert.ok(Math.abs(part - (amount * (list[index] ?? 0)) / total) < 1.000_001);
        }
      }),
      { seed: 5 },
    );
  });
});

describe("an invoice", () => {
  const entries = [
    settled("acme", 30),
    settled("acme", 30),
    settled("beta", 40),
    settled("beta", 5, { model: "other" }),
  ];

  test("is charged in proportion to what each tenant settled, and only once", () => {
    const comparisons = compareInvoice([line(110)], daysOf(entries));
    assert.deepEqual(
      comparisons.map((one) => [one.model, one.ledger.cost_nusd, one.other?.cost_nusd, difference_nusd(one)]),
      [
        ["m", 100, 110, 10],
        ["other", 5, undefined, 0],
      ],
    );
    const adjustments = adjustmentsOf(comparisons, { by: "invoice f.csv" }, NOW_MS);
    assert.deepEqual(
      adjustments.map(({ tenant, settled_nusd }) => [tenant, settled_nusd]),
      [
        ["acme", 6],
        ["beta", 4],
      ],
    );
    assert.deepEqual(
      adjustments[0]?.counters.map(({ scope, window }) => [scope, window]),
      [
        ["tenant_day", DAY],
        ["tenant_month", "2026-11"],
      ],
    );
    for (const entry of adjustments) {
      usageEntrySchema.parse(entry);
      assert.match(entry.id, ID_PATTERN);
    }
    const again = adjustmentsOf(compareInvoice([line(110)], daysOf(entries)), { by: "" }, NOW_MS + 1);
    assert.deepEqual(
      again.map(({ id }) => id),
      adjustments.map(({ id }) => id),
    );
    const after = daysOf([...entries, ...adjustments]);
    assert.deepEqual(adjustmentsOf(compareInvoice([line(110)], after), { by: "" }, NOW_MS), []);
  });

  test("a run that was cut short is finished by the next", () => {
    const [first] = adjustmentsOf(compareInvoice([line(110)], daysOf(entries)), { by: "" }, NOW_MS);
    const half = daysOf(first === undefined ? entries : [...entries, first]);
    const rest = adjustmentsOf(compareInvoice([line(110)], half), { by: "" }, NOW_MS);
    assert.deepEqual(
      rest.map(({ tenant, settled_nusd }) => [tenant, settled_nusd]),
      [["beta", 4]],
    );
  });

  test("that changes and changes back has new adjustments each time, with ids of their own", () => {
    const all = [...entries];
    for (const cost_nusd of [110, 90, 110, 90]) {
      all.push(...adjustmentsOf(compareInvoice([line(cost_nusd)], daysOf(all)), { by: "" }, NOW_MS));
      assert.equal(compareInvoice([line(cost_nusd)], daysOf(all))[0]?.ledger.cost_nusd, cost_nusd);
    }
    const ids = all.slice(entries.length).map(({ id }) => id);
    assert.equal(ids.length, 8);
    assert.equal(new Set(ids).size, 8);
  });

  test("for what nobody settled charges nobody, and is told", () => {
    const comparisons = compareInvoice([line(10, { model: "strange" }), line(100)], daysOf(entries));
    assert.deepEqual(adjustmentsOf(comparisons, { by: "" }, NOW_MS), []);
    assert.deepEqual(
      unchargeable(comparisons).map(({ model }) => model),
      ["strange"],
    );
  });

  test("reads as a table with its total", () => {
    const comparisons = compareInvoice([line(110, { requests: 3 })], daysOf(entries.slice(0, 2)));
    assert.deepEqual(
      comparisonTable(comparisons)
        .split("\n")
        .map((one) => one.split(/ {2,}/)),
      [
        ["date", "model", "requests", "tokens in", "tokens out", "ledger", "other", "difference"],
        [DAY, "m", "2 / 3", "20", "4", "$0.00000006", "$0.00000011", "$0.00000005"],
        ["total", "$0.00000006", "$0.00000011", "$0.00000005"],
      ],
    );
  });
});

test("a price table prices each tenant's own calls anew; what is not known stays", () => {
  const entries = [
    settled("acme", 30),
    settled("beta", 30, { billed: { prompt_tokens: 1, cached_prompt_tokens: 0, completion_tokens: 1, batched: true } }),
    settled("beta", 500, { billed: undefined, cause: "unknown_call" }),
    settled("beta", 7, { model: "unlisted" }),
    settled("acme", 9, { at_ms: Date.parse("2026-11-20T10:00:00Z") }),
  ];
  const reprice = (model: string, { prompt_tokens, batched }: NonNullable<UsageEntry["billed"]>) =>
    model === "m" ? prompt_tokens * (batched ? 2 : 4) : undefined;
  const comparisons = comparePrices(daysOf(entries, reprice), DAY, DAY);
  const adjustments = adjustmentsOf(comparisons, { by: "prices 2", price_version: "2" }, NOW_MS);
  assert.deepEqual(
    adjustments.map(({ tenant, settled_nusd, price_version }) => [tenant, settled_nusd, price_version]),
    [
      ["acme", 10, "2"],
      ["beta", -28, "2"],
    ],
  );
  const after = comparePrices(daysOf([...entries, ...adjustments], reprice), DAY, DAY);
  assert.deepEqual(adjustmentsOf(after, { by: "" }, NOW_MS), []);
});
