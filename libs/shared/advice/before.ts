/** How the pipeline did before it was looked at, out of the rows of results: hits of the cache, latencies of calls. */
import type { Before } from "./observe.ts";

/** Reads within a bounded time. @throws where it takes too long, or Postgres is away. */
export type Rows = <Row extends object>(text: string, values: readonly unknown[]) => Promise<readonly Row[]>;

const HOUR_MS = 3_600_000;
const CALLS_MAX = 3_000;
/** A median of fewer says little. */
const CALLS_MIN = 20;

// A claim comes after its request has ended; a day is left for clocks that differ.
const WITHIN = `completed_at >= to_timestamp($1::float8 / 1000) AND completed_at < to_timestamp($2::float8 / 1000)
  AND day BETWEEN (to_timestamp($1::float8 / 1000) AT TIME ZONE 'UTC')::date - 1 AND (to_timestamp($2::float8 / 1000) AT TIME ZONE 'UTC')::date + 1`;
const HITS = `count(*) FILTER (WHERE cache IN ('exact', 'semantic', 'coalesced'))::float8 AS hits,
  count(*) FILTER (WHERE cache = 'miss')::float8 AS misses`;

const MINUTES = `SELECT floor(extract(epoch FROM completed_at) / 60)::float8 AS minute, ${HITS}
  FROM sluice_results WHERE ${WITHIN} AND cache IS NOT NULL GROUP BY 1`;
const DAY = `SELECT ${HITS} FROM sluice_results WHERE ${WITHIN} AND cache IS NOT NULL`;
const LATENCIES = `
SELECT tier, endpoint, count(*)::float8 AS calls, percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms) AS median_ms
FROM (
  SELECT tier, value->'route'->>'endpoint' AS endpoint,
    (value->'timing'->>'completed')::float8 - (value->'timing'->>'dispatched')::float8 AS took_ms
  FROM (
    SELECT tier, result::json AS value FROM sluice_results
    WHERE ${WITHIN} AND tier IS NOT NULL AND status = 'succeeded' AND (cache IS NULL OR cache IN ('miss', 'bypass'))
    LIMIT ${CALLS_MAX}
  ) AS some
) AS calls
WHERE endpoint IS NOT NULL AND took_ms IS NOT NULL GROUP BY 1, 2`;

type Hits = { readonly hits: number; readonly misses: number };
type Latency = {
  readonly tier: string;
  readonly endpoint: string;
  readonly calls: number;
  readonly median_ms: number;
};

/** What takes too long, or cannot be read, is not known: advice then does without it. */
export async function readBefore(rows: Rows, from_ms: number): Promise<Before> {
  const hour = [from_ms - HOUR_MS, from_ms];
  const [minutes, day, latencies] = await Promise.all([
    quietly(() => rows<Hits>(MINUTES, hour)),
    quietly(() => rows<Hits>(DAY, [from_ms - 24 * HOUR_MS, from_ms])),
    quietly(() => rows<Latency>(LATENCIES, hour)),
  ]);
  return {
    hits: { minutes: minutes ?? [], day: day?.[0] ?? null },
    latencies: new Map(
      (latencies ?? [])
        .filter(({ calls }) => calls >= CALLS_MIN)
        .map(({ tier, endpoint, median_ms }) => [`${tier}/${endpoint}`, median_ms]),
    ),
  };
}

async function quietly<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch {
    return undefined;
  }
}
