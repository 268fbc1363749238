/** What each tier answered and cost, and why requests went where they did. Pure. */
import type { ResultHead } from "../../../libs/shared/events/flow.ts";
import { usdOf } from "../../../libs/shared/money.ts";
import type { FigureRow, Figures } from "./figures-rows.ts";

export type TierCounts = {
  readonly requests: number;
  readonly failed: number;
  /** Of all requests that a tier was chosen for, from the cache or by a call. */
  readonly share: number;
  /** By a call of the tier. */
  readonly called: number;
  readonly cost_usd: number;
  /** Of all tiers'. */
  readonly cost_share: number;
};

export type TierFigures = { readonly hour: TierCounts; readonly day: TierCounts | null };

const CALLED = ["miss", "bypass"];

/** @param tiers those of the settings; such as are not there any more come behind them. */
export function tierFigures({ rows, hours }: Figures, tiers: readonly string[]): ReadonlyMap<string, TierFigures> {
  const routed = rows.filter(({ tier }) => tier !== null);
  const names = new Set([...tiers, ...routed.map(({ tier }) => tier as string)]);
  const of = (own: readonly FigureRow[], late: boolean): TierCounts => {
    const requests = sum(own, late, "requests");
    const cost = sum(own, late, "cost_nusd");
    return {
      requests,
      failed: requests - sum(own, late, "succeeded"),
      share: part(requests, sum(routed, late, "requests")),
      called: sum(
        own.filter(({ cache }) => cache !== null && CALLED.includes(cache)),
        late,
        "requests",
      ),
      cost_usd: usdOf(cost),
      cost_share: part(cost, sum(routed, late, "cost_nusd")),
    };
  };
  return new Map(
    [...names].map((name) => {
      const own = routed.filter(({ tier }) => tier === name);
      return [name, { hour: of(own, true), day: hours === 24 ? of(own, false) : null }];
    }),
  );
}

function sum(rows: readonly FigureRow[], late: boolean, of: "requests" | "succeeded" | "cost_nusd"): number {
  return rows.reduce((all, row) => all + row[late ? (`late_${of}` as const) : of], 0);
}

function part(of: number, all: number): number {
  return all === 0 ? 0 : of / all;
}

export type ReasonCount = {
  readonly reason: string;
  /** What decided; null in what was refused before. */
  readonly by: string | null;
  readonly tier: string;
  readonly requests: number;
};

/** The most frequent first. @param kinds_max so many at the most. */
export function reasonCounts(heads: readonly ResultHead[], kinds_max: number): readonly ReasonCount[] {
  const routes = heads.flatMap(({ route }) => (route === undefined ? [] : [route]));
  return [...Map.groupBy(routes, ({ reason, tier, decision }) => JSON.stringify([reason, decision?.by ?? null, tier]))]
    .map(([, [first, ...others]]) => ({
      reason: first?.reason ?? "",
      by: first?.decision?.by ?? null,
      tier: first?.tier ?? "",
      requests: others.length + 1,
    }))
    .sort((left, right) => right.requests - left.requests)
    .slice(0, kinds_max);
}
