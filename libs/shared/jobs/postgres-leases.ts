/** Leases of jobs in Postgres: each write is a statement that names the lease it stands on. */
import { type Pool, withPostgres } from "../postgres/client.ts";
import { ENDED_STATUSES, type Job, type JobError, type StepEnd } from "./job.ts";
import type { JobLeases, Lease, LeasedJob } from "./leases.ts";
import { JOB_COLUMNS, type JobRow, jobOf } from "./rows.ts";

const LEASE = `
WITH due AS MATERIALIZED (
  SELECT id FROM sluice_jobs
  WHERE wake_at IS NOT NULL AND (wake_at <= to_timestamp($2::float8 / 1000) OR id = ANY($5))
    AND (lease_owner IS NULL OR lease_until <= to_timestamp($2::float8 / 1000))
  ORDER BY wake_at LIMIT $4 FOR UPDATE SKIP LOCKED
)
UPDATE sluice_jobs SET lease_owner = $1, lease_until = to_timestamp($3::float8 / 1000), tries = tries + 1
FROM due WHERE sluice_jobs.id = due.id
RETURNING ${JOB_COLUMNS.replace("id,", "sluice_jobs.id,")}`;

const RENEW = "UPDATE sluice_jobs SET lease_until = to_timestamp($3::float8 / 1000) WHERE id = $1 AND lease_owner = $2";

/** A cancel that came during the step is not to wait for the time that the step named. */
const SAVE = `
UPDATE sluice_jobs SET status = $3, state = $4, updated_at = to_timestamp($5::float8 / 1000), tries = 0,
  ended_at = CASE WHEN $7 THEN to_timestamp($5::float8 / 1000) END,
  error = coalesce($8, error),
  lease_owner = CASE WHEN $7 OR $6::float8 = 0 THEN lease_owner END,
  wake_at = CASE WHEN $7 OR cancel_at IS DISTINCT FROM to_timestamp($9::float8 / 1000) THEN to_timestamp($5::float8 / 1000)
    ELSE to_timestamp(($5::float8 + $6::float8) / 1000) END
WHERE id = $1 AND lease_owner = $2 RETURNING ${JOB_COLUMNS}`;

const GIVE_BACK = `
UPDATE sluice_jobs SET lease_owner = NULL, lease_until = NULL, wake_at = to_timestamp($3::float8 / 1000),
  tries = CASE WHEN $4 THEN tries ELSE greatest(tries - 1, 0) END
WHERE id = $1 AND lease_owner = $2`;

const SETTLE = `
UPDATE sluice_jobs SET lease_owner = NULL, lease_until = NULL, wake_at = NULL
WHERE id = $1 AND lease_owner = $2 AND ended_at IS NOT NULL`;

const REMOVE = `
DELETE FROM sluice_jobs WHERE id IN (
  SELECT id FROM sluice_jobs WHERE wake_at IS NULL AND ended_at < to_timestamp($1::float8 / 1000)
  ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)`;

export class PostgresJobLeases implements JobLeases {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async lease({ owner, now_ms, until_ms }: Lease, limit: number, woken: readonly string[] = []): Promise<LeasedJob[]> {
    const values = [owner, now_ms, until_ms, limit, woken];
    const { rows } = await withPostgres(() => this.#pool.query<JobRow>({ name: "lease-jobs", text: LEASE, values }));
    return rows.map((row) => ({ job: jobOf(row), tries: row.tries }));
  }

  async renew(id: string, owner: string, until_ms: number): Promise<boolean> {
    return (await this.#run(RENEW, [id, owner, until_ms])) === 1;
  }

  async save(
    job: Job,
    owner: string,
    { status, state, wake_ms, error }: StepEnd & { readonly error?: JobError },
    now_ms: number,
  ): Promise<Job | undefined> {
    const ended = ENDED_STATUSES.includes(status);
    const why = error === undefined ? null : JSON.stringify(error);
    const values = [job.id, owner, status, JSON.stringify(state), now_ms, wake_ms, ended, why, job.cancel_ms ?? null];
    const { rows } = await withPostgres(() => this.#pool.query<JobRow>({ name: "save-job", text: SAVE, values }));
    return rows[0] === undefined ? undefined : jobOf(rows[0]);
  }

  async giveBack(id: string, owner: string, due_ms: number, counted: boolean): Promise<void> {
    await this.#run(GIVE_BACK, [id, owner, due_ms, counted]);
  }

  async settle(id: string, owner: string): Promise<void> {
    await this.#run(SETTLE, [id, owner]);
  }

  async removeEnded(before_ms: number, limit: number): Promise<number> {
    return this.#run(REMOVE, [before_ms, limit]);
  }

  async #run(text: string, values: unknown[]): Promise<number> {
    const { rowCount } = await withPostgres(() => this.#pool.query(text, values));
    return rowCount ?? 0;
  }
}
