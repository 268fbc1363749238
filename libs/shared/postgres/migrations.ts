/** The database's schema, as steps that run once each, in order, at the start of whoever writes. */
import { type Pool, withPostgres } from "./client.ts";
import { FILES_STEP } from "./steps/files.ts";
import { JOBS_STEP } from "./steps/jobs.ts";
import { REPLAYS_STEP } from "./steps/replays.ts";
import { RESULTS_BY_DAY_STEP } from "./steps/results-by-day.ts";
import { SCALING_STEP } from "./steps/scaling.ts";
import { TRAILS_STEP } from "./steps/trails.ts";
import { WEBHOOKS_STEP } from "./steps/webhooks.ts";

/** Append only: a step that has shipped is never edited. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE sluice_results (
     tenant text NOT NULL,
     id text NOT NULL,
     status text NOT NULL,
     content_hash text NOT NULL,
     -- The outcome that won: publishing it again is a repeat, publishing another would be a second result (I1).
     outcome_topic text NOT NULL,
     outcome_partition integer NOT NULL,
     outcome_offset bigint NOT NULL,
     tier text,
     model text,
     cache text,
     error_code text,
     prompt_tokens integer,
     completion_tokens integer,
     cost_nusd bigint,
     received_at timestamptz,
     completed_at timestamptz NOT NULL,
     result text NOT NULL,
     PRIMARY KEY (tenant, id)
   );
   CREATE INDEX sluice_results_by_time ON sluice_results (tenant, completed_at DESC);`,
  // Where the request stands on llm.requests, as its header sluice-origin says: an appeal asks the same again.
  "ALTER TABLE sluice_results ADD COLUMN origin text",
  RESULTS_BY_DAY_STEP,
  FILES_STEP,
  JOBS_STEP,
  WEBHOOKS_STEP,
  REPLAYS_STEP,
  TRAILS_STEP,
  SCALING_STEP,
];

/** Any number that is ours alone: it keeps two starting services from migrating at once. */
const LOCK = 5_318_008;

/** The driver's own limit of a step, and of the wait for whoever migrates: rows of an old installation may be many. */
const patient = { query_timeout: 6 * 3_600_000 };

/** @param steps_max only the first steps: the schema of an earlier version. */
export async function migrate(pool: Pool, steps_max: number = MIGRATIONS.length): Promise<void> {
  await withPostgres(async () => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      // A step over a large table takes longer than a query may.
      await client.query("SET LOCAL statement_timeout = 0");
      await client.query({ ...patient, text: "SELECT pg_advisory_xact_lock($1)", values: [LOCK] });
      await client.query(
        "CREATE TABLE IF NOT EXISTS sluice_migrations (step integer PRIMARY KEY, applied_at timestamptz)",
      );
      const { rows } = await client.query<{ done: number }>("SELECT count(*)::int AS done FROM sluice_migrations");
      for (const [index, statements] of MIGRATIONS.slice(0, steps_max).entries()) {
        if (index < (rows[0]?.done ?? 0)) continue;
        await client.query({ ...patient, text: statements });
        await client.query("INSERT INTO sluice_migrations VALUES ($1, now())", [index]);
      }
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  });
}

/** Steps that the database has not taken, asked without taking them. @throws retryable while Postgres is away. */
export async function missingSteps(pool: Pool): Promise<number> {
  return withPostgres(async () => {
    const { rows: tables } = await pool.query<{ there: boolean }>(
      "SELECT to_regclass('sluice_migrations') IS NOT NULL AS there",
    );
    if (tables[0]?.there !== true) return MIGRATIONS.length;
    const { rows } = await pool.query<{ done: number }>("SELECT count(*)::int AS done FROM sluice_migrations");
    return Math.max(0, MIGRATIONS.length - (rows[0]?.done ?? 0));
  });
}
