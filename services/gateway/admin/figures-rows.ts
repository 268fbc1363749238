/** What the last day's answered requests came to, by tenant, tier, way of answering and hour: what the cache's and the tiers' figures are made of. */
import type { Reads } from "./reads.ts";

export type FigureRow = {
  readonly tenant: string;
  /** Null: it was refused before a tier was chosen. */
  readonly tier: string | null;
  /** `exact`, `semantic`, `coalesced`, `miss`, `bypass`, or null where none was looked for. */
  readonly cache: string | null;
  /** The full hour's beginning, epoch ms. */
  readonly hour_ms: number;
  readonly requests: number;
  readonly succeeded: number;
  readonly cost_nusd: number;
  /** The part of them in the last 60 minutes. */
  readonly late_requests: number;
  readonly late_succeeded: number;
  readonly late_cost_nusd: number;
};

export type Figures = {
  readonly at_ms: number;
  readonly rows: readonly FigureRow[];
  /** How far back they reach: the whole day, or the last hour alone where the day takes too long to count. */
  readonly hours: 24 | 1;
};

const HOUR_MS = 3_600_000;
const ROWS_MAX = 50_000;

/** Days of rows are those of their claims, never before they had ended. */
const STATEMENT = `
SELECT tenant, tier, cache, (extract(epoch FROM date_trunc('hour', completed_at)) * 1000)::float8 AS hour_ms,
  count(*)::float8 AS requests, (count(*) FILTER (WHERE status = 'succeeded'))::float8 AS succeeded,
  coalesce(sum(cost_nusd), 0)::float8 AS cost_nusd,
  (count(*) FILTER (WHERE completed_at >= late.since))::float8 AS late_requests,
  (count(*) FILTER (WHERE completed_at >= late.since AND status = 'succeeded'))::float8 AS late_succeeded,
  coalesce(sum(cost_nusd) FILTER (WHERE completed_at >= late.since), 0)::float8 AS late_cost_nusd
FROM sluice_results, (SELECT to_timestamp($2::float8 / 1000) AS since) AS late
WHERE completed_at >= to_timestamp($1::float8 / 1000) AND day >= (to_timestamp($1::float8 / 1000) AT TIME ZONE 'UTC')::date - 1
GROUP BY 1, 2, 3, 4 LIMIT ${ROWS_MAX}`;

/** @throws retryable where even the last hour takes too long. */
export async function readFigures(reads: Reads, now_ms: number): Promise<Figures> {
  const hour_ms = now_ms - HOUR_MS;
  try {
    return { at_ms: now_ms, rows: await reads<FigureRow>(STATEMENT, [now_ms - 24 * HOUR_MS, hour_ms]), hours: 24 };
  } catch {
    return { at_ms: now_ms, rows: await reads<FigureRow>(STATEMENT, [hour_ms, hour_ms]), hours: 1 };
  }
}
