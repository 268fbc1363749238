/** Postgres as what scaling remembers: arrivals for the forecast, decisions for people. */
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";
import type { ScaleDecision } from "../../libs/shared/scaling/contract.ts";
import type { ArrivalBucket } from "../../libs/shared/scaling/history.ts";
import { targetName } from "../../libs/shared/scaling/target.ts";

export type TargetBucket = ArrivalBucket & { readonly target: string };

export interface HistoryStore {
  /** Oldest first. */
  load(from_ms: number): Promise<readonly TargetBucket[]>;
  /** Buckets replace what is there; decisions are added. */
  save(buckets: readonly TargetBucket[], decisions: readonly ScaleDecision[]): Promise<void>;
  /** Takes away what is older. */
  forget(before_ms: number): Promise<void>;
}

type ArrivalRow = { target: string; start_ms: string; records: number; observed_ms: number };

export class PostgresHistory implements HistoryStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  load(from_ms: number): Promise<readonly TargetBucket[]> {
    return withPostgres(async () => {
      const { rows } = await this.#pool.query<ArrivalRow>(
        `SELECT target, (extract(epoch FROM start_at) * 1000)::bigint AS start_ms, records, observed_ms
         FROM sluice_scaling_arrivals WHERE start_at >= to_timestamp($1 / 1000.0) ORDER BY start_at`,
        [from_ms],
      );
      return rows.map(({ target, start_ms, records, observed_ms }) => ({
        ...{ target, start_ms: Number(start_ms), records, observed_ms },
      }));
    });
  }

  save(buckets: readonly TargetBucket[], decisions: readonly ScaleDecision[]): Promise<void> {
    return withPostgres(async () => {
      if (buckets.length > 0) {
        await this.#pool.query(
          `INSERT INTO sluice_scaling_arrivals (target, start_at, records, observed_ms)
           SELECT target, to_timestamp(start_ms / 1000.0), records, observed_ms
           FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::int[]) AS b (target, start_ms, records, observed_ms)
           ON CONFLICT (target, start_at) DO UPDATE SET records = excluded.records, observed_ms = excluded.observed_ms`,
          [
            buckets.map(({ target }) => target),
            buckets.map(({ start_ms }) => start_ms),
            buckets.map(({ records }) => records),
            buckets.map(({ observed_ms }) => Math.round(observed_ms)),
          ],
        );
      }
      for (const { target, at_ms, replicas, desired, wanted, reason, why } of decisions) {
        await this.#pool.query(
          `INSERT INTO sluice_scaling_decisions (target, at, replicas, desired, wanted, reason, why)
           VALUES ($1, to_timestamp($2 / 1000.0), $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
          [targetName(target), at_ms, replicas, desired, wanted, reason, why],
        );
      }
    });
  }

  forget(before_ms: number): Promise<void> {
    return withPostgres(async () => {
      for (const [table, column] of [
        ["sluice_scaling_arrivals", "start_at"],
        ["sluice_scaling_decisions", "at"],
      ]) {
        await this.#pool.query(`DELETE FROM ${table} WHERE ${column} < to_timestamp($1 / 1000.0)`, [before_ms]);
      }
    });
  }
}
