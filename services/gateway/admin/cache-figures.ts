/** What the cache came to, by tenant and hour. Pure. */
import { usdOf } from "../../../libs/shared/money.ts";
import type { FigureRow, Figures } from "./figures-rows.ts";

const HIT_KINDS = ["exact", "semantic", "coalesced"] as const;
type HitKind = (typeof HIT_KINDS)[number];

export type CacheCounts = Readonly<Record<HitKind, number>> & {
  readonly misses: number;
  /** Not asked, at the request's wish or by the settings. */
  readonly bypassed: number;
  /** An estimate: what a miss of the same tenant and tier costs on average, for every hit. */
  readonly saved_usd: number;
};

export type CacheFigures = {
  readonly hour: CacheCounts;
  /** Null where a day takes too long to count. */
  readonly day: CacheCounts | null;
  readonly tenants: readonly {
    readonly tenant: string;
    readonly hour: CacheCounts;
    readonly day: CacheCounts | null;
  }[];
  /** Every hour that had requests, in order. */
  readonly series: readonly (Readonly<Record<HitKind, number>> & {
    readonly hour_ms: number;
    readonly misses: number;
  })[];
};

/** @param tenants_max those with the most hits are named. */
export function cacheFigures({ rows, hours }: Figures, tenants_max: number): CacheFigures {
  const cost = missCosts(rows);
  const of = (own: readonly FigureRow[]) => ({
    hour: countsOf(own, "late_requests", cost),
    day: hours === 24 ? countsOf(own, "requests", cost) : null,
  });
  const tenants = [...Map.groupBy(rows, ({ tenant }) => tenant)].map(([tenant, own]) => ({ tenant, ...of(own) }));
  const hits = ({ hour, day }: (typeof tenants)[number]): number => hitsOf(day ?? hour);
  return {
    ...of(rows),
    tenants: tenants
      .sort((left, right) => hits(right) - hits(left) || (left.tenant < right.tenant ? -1 : 1))
      .slice(0, tenants_max),
    series: [...Map.groupBy(rows, ({ hour_ms }) => hour_ms)]
      .map(([hour_ms, own]) => ({ hour_ms, ...kindsOf(own, "requests"), misses: sumOf(own, "requests", ["miss"]) }))
      .sort((left, right) => left.hour_ms - right.hour_ms),
  };
}

function hitsOf(counts: CacheCounts): number {
  return counts.exact + counts.semantic + counts.coalesced;
}

type Count = "requests" | "late_requests";

function sumOf(rows: readonly FigureRow[], count: Count, kinds: readonly string[]): number {
  return rows.reduce((sum, row) => (row.cache !== null && kinds.includes(row.cache) ? sum + row[count] : sum), 0);
}

function kindsOf(rows: readonly FigureRow[], count: Count): Record<HitKind, number> {
  const of = (kind: HitKind): number => sumOf(rows, count, [kind]);
  return { exact: of("exact"), semantic: of("semantic"), coalesced: of("coalesced") };
}

function countsOf(rows: readonly FigureRow[], count: Count, cost: MissCost): CacheCounts {
  const hits = rows.filter(({ cache }) => (HIT_KINDS as readonly (string | null)[]).includes(cache));
  const saved_nusd = hits.reduce((sum, row) => sum + row[count] * cost(row), 0);
  return {
    ...kindsOf(rows, count),
    misses: sumOf(rows, count, ["miss"]),
    bypassed: sumOf(rows, count, ["bypass"]),
    saved_usd: usdOf(Math.round(saved_nusd)),
  };
}

/** Nano-dollars. */
type MissCost = (of: Pick<FigureRow, "tenant" | "tier">) => number;

/** Of a tenant that has had no miss, as of all tenants in the tier. */
function missCosts(rows: readonly FigureRow[]): MissCost {
  const misses = rows.filter(({ cache, succeeded }) => (cache === "miss" || cache === "bypass") && succeeded > 0);
  const means = (nameOf: (row: Pick<FigureRow, "tenant" | "tier">) => string): Map<string, number> => {
    const groups = Map.groupBy(misses, nameOf);
    return new Map(
      [...groups].map(([name, own]) => {
        const sum = (of: "cost_nusd" | "succeeded"): number => own.reduce((all, row) => all + row[of], 0);
        return [name, sum("cost_nusd") / sum("succeeded")];
      }),
    );
  };
  const own = (row: Pick<FigureRow, "tenant" | "tier">): string => JSON.stringify([row.tenant, row.tier]);
  const anyone = (row: Pick<FigureRow, "tier">): string => row.tier ?? "";
  const [by_tenant, by_tier] = [means(own), means(anyone)];
  return (row) => by_tenant.get(own(row)) ?? by_tier.get(anyone(row)) ?? 0;
}
