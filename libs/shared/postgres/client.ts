/** The Postgres pool, and its failures as ours. */
import pg from "pg";
import { unavailable } from "../errors.ts";
import type { Log } from "../log.ts";
import { showPool, timed } from "../metrics/dependencies.ts";

export type Pool = pg.Pool;

const STATEMENT_MS_MAX = 30_000;

export function connectPostgres(url: string, role: string, connections_max: number, log: Log): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `sluice-${role}`,
    max: connections_max,
    connectionTimeoutMillis: 3_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: STATEMENT_MS_MAX,
    // Also for a server that takes the connection and never answers.
    query_timeout: STATEMENT_MS_MAX + 5_000,
  });
  pool.on("error", (error) => log.debug({ error }, "postgres connection"));
  // A pool lives as long as its process.
  showPool("postgres", () => ({
    in_use: pool.totalCount - pool.idleCount,
    limit: connections_max,
    waiting: pool.waitingCount,
  }));
  return pool;
}

/** SQLSTATE classes that say the server, not the statement: connection, resources, operator intervention, system error; who we are (28). */
const PASSING_CLASSES = ["08", "28", "40", "53", "57", "58"];

/** Runs a statement; a lost connection or a server in trouble is retryable, a wrong statement is a bug. */
export async function withPostgres<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await timed("postgres", "call", call);
  } catch (error) {
    const state = error instanceof pg.DatabaseError ? error.code : undefined;
    if (state === undefined || PASSING_CLASSES.includes(state.slice(0, 2))) throw unavailable("postgres", error);
    throw error;
  }
}
