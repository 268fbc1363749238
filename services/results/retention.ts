/**
 * Makes the partitions of the days to come and drops those that were kept for long enough, with their claims: an id may be used again
 * then. Any number of processes may do so at once, of which one works at a time; each step is a transaction of its own and small, and
 * none waits long for a lock, since whoever comes next would wait behind it.
 */
import pg from "pg";
import type { Pool } from "../../libs/shared/postgres/client.ts";
import { inTransaction } from "../../libs/shared/postgres/transaction.ts";
import { addDays, partitionOf, planDays } from "./days.ts";

export type RetentionOptions = {
  readonly keep_days: number;
  /** Claims deleted by one statement. */
  readonly page: number;
};

export type RetentionRun = {
  readonly made: readonly string[];
  readonly dropped: readonly string[];
  readonly claims: number;
  /** `left`: it was stopped, another process is at it, or a lock was not to be had: try again soon. */
  readonly ended: "done" | "left";
};

/** Any number that is ours alone (`migrations.ts` has another). */
const LOCK = 5_318_009;
const LOCK_WAIT = "SET LOCAL lock_timeout = '1s'";
const LOCK_NOT_AVAILABLE = "55P03";

const PARTITIONS = `
SELECT (now() AT TIME ZONE 'UTC')::date::text AS today, array(
  SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'sluice_results'::regclass
) AS partitions`;

/** Claims of one page of a partition's rows, after the last page's last. A claim made since for the same id has a later day. */
const pageOf = (table: string): string => `
WITH page AS MATERIALIZED (
  SELECT tenant, id FROM ${table} WHERE (tenant, id) > ($1, $2) ORDER BY tenant, id LIMIT $3
), gone AS (
  DELETE FROM sluice_claims AS claim USING page
  WHERE claim.tenant = page.tenant AND claim.id = page.id AND claim.day <= $4::date
  RETURNING 1
)
SELECT tenant, id, (SELECT count(*)::int FROM gone) AS claims FROM page ORDER BY tenant DESC, id DESC LIMIT 1`;

const OLD_BY_DEFAULT = `
WITH page AS MATERIALIZED (
  SELECT tenant, id, day FROM sluice_results_default WHERE day < $1::date LIMIT $2
), claims AS (
  DELETE FROM sluice_claims AS claim USING page
  WHERE claim.tenant = page.tenant AND claim.id = page.id AND claim.day = page.day
)
DELETE FROM sluice_results_default AS kept USING page
WHERE kept.tenant = page.tenant AND kept.id = page.id AND kept.day = page.day`;

type Step = <T>(work: (client: pg.PoolClient) => Promise<T>) => Promise<T>;

/** Ends a run early. */
class Left extends Error {}

/** @throws retryable while Postgres is away. @param stopping ends it between two steps. */
export async function keepDays(pool: Pool, options: RetentionOptions, stopping: AbortSignal): Promise<RetentionRun> {
  const step: Step = (work) => ourStep(pool, stopping, work);
  const made: string[] = [];
  const dropped: string[] = [];
  let claims = 0;
  try {
    const { today, partitions } = await step(readPartitions);
    const plan = planDays(partitions, today, options.keep_days);
    for (const day of plan.make) {
      await step((client) => makePartition(client, day));
      made.push(day);
    }
    for (const day of plan.drop) {
      claims += await dropClaims(step, day, options.page);
      await step((client) => client.query(`DROP TABLE ${partitionOf(day)}`));
      dropped.push(day);
    }
    await dropByDefault(step, plan.from, options.page);
    return { made, dropped, claims, ended: "done" };
  } catch (error) {
    if (error instanceof Left) return { made, dropped, claims, ended: "left" };
    throw error;
  }
}

/** One transaction under the lock that all processes share. */
async function ourStep<T>(pool: Pool, stopping: AbortSignal, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  if (stopping.aborted) throw new Left();
  try {
    const done = await inTransaction(pool, async (client) => {
      const { rows } = await client.query<{ ours: boolean }>("SELECT pg_try_advisory_xact_lock($1) AS ours", [LOCK]);
      if (rows[0]?.ours !== true) return undefined;
      await client.query(LOCK_WAIT);
      return { value: await work(client) };
    });
    if (done !== undefined) return done.value;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === LOCK_NOT_AVAILABLE)) throw error;
  }
  throw new Left();
}

type Partitions = { readonly today: string; readonly partitions: readonly string[] };

async function readPartitions(client: pg.PoolClient): Promise<Partitions> {
  const { rows } = await client.query<Partitions>(PARTITIONS);
  return rows[0] as Partitions;
}

/**
 * Made apart and then attached: to make it in its place would lock the whole table. What came for the day before is in the default
 * partition and goes along.
 */
async function makePartition(client: pg.PoolClient, day: string): Promise<void> {
  const table = partitionOf(day);
  await client.query(`CREATE TABLE ${table} (LIKE sluice_results INCLUDING ALL)`);
  await client.query(
    `WITH early AS (DELETE FROM sluice_results_default WHERE day = $1::date RETURNING *) INSERT INTO ${table} SELECT * FROM early`,
    [day],
  );
  const range = `FROM ('${day}') TO ('${addDays(day, 1)}')`;
  await client.query(`ALTER TABLE sluice_results ATTACH PARTITION ${table} FOR VALUES ${range}`);
}

/** The rows stay until their partition goes, and say which claims are left after a crash. */
async function dropClaims(step: Step, day: string, page: number): Promise<number> {
  let claims = 0;
  for (let after = { tenant: "", id: "" }; ; ) {
    const values = [after.tenant, after.id, page, day];
    const { rows } = await step((client) =>
      client.query<{ tenant: string; id: string; claims: number }>(pageOf(partitionOf(day)), values),
    );
    if (rows[0] === undefined) return claims;
    claims += rows[0].claims;
    after = rows[0];
  }
}

async function dropByDefault(step: Step, from: string, page: number): Promise<void> {
  for (;;) {
    const { rowCount } = await step((client) => client.query(OLD_BY_DEFAULT, [from, page]));
    if ((rowCount ?? 0) < page) return;
  }
}
