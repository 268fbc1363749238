/** What the cache and the tiers came to. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ResultHead } from "../../../../libs/shared/events/flow.ts";
import type { ShadowEvent } from "../../../../libs/shared/events/shadow.ts";
import { CacheChecks } from "../../../../services/gateway/admin/cache-checks.ts";
import { cacheFigures } from "../../../../services/gateway/admin/cache-figures.ts";
import { type FigureRow, readFigures } from "../../../../services/gateway/admin/figures-rows.ts";
import { reasonCounts, tierFigures } from "../../../../services/gateway/admin/tier-figures.ts";

const HOUR_MS = 3_600_000;

/** @param late of them in the last hour. */
function row(own: Partial<FigureRow>, late = 0): FigureRow {
  const all = { requests: 10, succeeded: 10, cost_nusd: 0, ...own };
  return {
    ...{ tenant: "demo", tier: "small", cache: "exact", hour_ms: 0, ...all },
    ...{ late_requests: late, late_succeeded: late, late_cost_nusd: (all.cost_nusd * late) / all.requests },
  };
}

const figures = (rows: readonly FigureRow[], hours: 24 | 1 = 24) => ({ at_ms: 0, rows, hours });

describe("the cache's figures", () => {
  test("are hits by kind, with what misses of the same tenant and tier cost", () => {
    const found = cacheFigures(
      figures([
        row({ cache: "exact" }, 4),
        row({ cache: "semantic", requests: 2 }),
        row({ cache: "miss", requests: 5, succeeded: 5, cost_nusd: 5e9 }),
        row({ tenant: "other", cache: "coalesced", requests: 3 }),
        row({ tenant: "none", tier: null, cache: null }),
      ]),
      10,
    );
    assert.deepEqual(found.day, { exact: 10, semantic: 2, coalesced: 3, misses: 5, bypassed: 0, saved_usd: 15 });
    assert.equal(found.hour.saved_usd, 4);
    assert.deepEqual(
      found.tenants.map(({ tenant }) => tenant),
      ["demo", "other", "none"],
    );
  });

  test("are of the last hour alone where the day takes too long", async () => {
    const asked: unknown[][] = [];
    const reads = async <Row>(_text: string, values: readonly unknown[]): Promise<readonly Row[]> => {
      asked.push([...values]);
      if (asked.length === 1) throw new Error("it takes too long");
      return [];
    };
    const found = await readFigures(reads, 48 * HOUR_MS);
    assert.equal(found.hours, 1);
    assert.equal(cacheFigures(found, 10).day, null);
    assert.deepEqual(asked[1], [47 * HOUR_MS, 47 * HOUR_MS]);
  });
});

describe("a tier's figures", () => {
  test("are its share of requests and costs, also where the settings do not have it any more", () => {
    const found = tierFigures(
      figures([
        row({ tier: "small", cache: "miss", requests: 30, succeeded: 27, cost_nusd: 1e9 }),
        row({ tier: "old", cache: "exact", requests: 10, cost_nusd: 3e9 }),
      ]),
      ["small", "large"],
    );
    assert.deepEqual([...found.keys()], ["small", "large", "old"]);
    const small = found.get("small")?.day;
    assert.deepEqual(small, { requests: 30, failed: 3, share: 0.75, called: 30, cost_usd: 1, cost_share: 0.25 });
    assert.equal(found.get("large")?.day?.share, 0);
  });

  test("reasons are counted, the most frequent first", () => {
    const head = (reason: string, tier = "small"): ResultHead => ({
      ...{ id: "a", tenant: "demo", status: "succeeded", timing: {} },
      route: { tier, model: "m", reason, cache: "miss", attempts: 1 },
    });
    const found = reasonCounts([head("a"), head("b"), head("b"), head("b", "large")], 2);
    assert.deepEqual(
      found.map(({ reason, tier, requests }) => [reason, tier, requests]),
      [
        ["b", "small", 2],
        ["a", "small", 1],
      ],
    );
  });
});

describe("checks of semantic hits", () => {
  const event = (own: { at_ms?: number; tenant?: string; same?: boolean; differs_by?: string }): ShadowEvent => ({
    kind: "comparison",
    shadow: {
      kind: "cache_check",
      name: "check",
      tenant: own.tenant ?? "demo",
      id: "r1",
      entry_id: "e1",
      probability: 0.9,
    },
    at_ms: own.at_ms ?? 100 * HOUR_MS,
    original: { cost_usd: 0 },
    run: { cost_usd: 0 },
    same: own.same ?? true,
    similarity: 1,
    ...(own.differs_by === undefined ? {} : { differs_by: own.differs_by }),
  });

  test("give the part that was wrong; what people report is no sample", () => {
    const checks = new CacheChecks();
    for (let at = 0; at < 9; at += 1) checks.add(event({}));
    checks.add(event({ same: false, differs_by: "numbers" }));
    checks.add(event({ same: false, differs_by: "reported", tenant: "other" }));
    const now_ms = 100 * HOUR_MS + 1;
    assert.deepEqual(checks.counts(now_ms), { checked: 10, wrong: 1, false_hit_rate: 0.1, reported: 1 });
    assert.deepEqual(checks.counts(now_ms, "other"), { checked: 0, wrong: 0, false_hit_rate: null, reported: 1 });
    assert.deepEqual(
      checks.wrong(now_ms).map(({ differs_by }) => differs_by),
      ["reported", "numbers"],
    );
  });

  test("are forgotten after a day", () => {
    const checks = new CacheChecks();
    checks.add(event({ same: false }));
    const now_ms = 126 * HOUR_MS;
    assert.equal(checks.counts(now_ms).checked, 0);
    assert.deepEqual(checks.wrong(now_ms), []);
  });
});
