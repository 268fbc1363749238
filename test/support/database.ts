/** A database of a test file's own on the run's Postgres. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import type { Pool } from "../../libs/shared/postgres/client.ts";

export const NO_DATABASE = process.env["DATABASE_URL"] === undefined ? "DATABASE_URL names no Postgres" : false;

export type TestDatabase = { readonly pool: Pool; drop(): Promise<void> };

/** @param name of the test file, letters alone. */
export async function createDatabase(name: string): Promise<TestDatabase> {
  const url = process.env["DATABASE_URL"] ?? "";
  const database = `${name}_${randomBytes(4).toString("hex")}`;
  await run(url, `CREATE DATABASE ${database}`);
  const own = new URL(url);
  own.pathname = `/${database}`;
  const pool = new pg.Pool({ connectionString: own.href, max: 4 });
  // Dropping the database may end a connection that is just closing; unheard, that would end the test.
  pool.on("error", () => undefined);
  return {
    pool,
    async drop() {
      await pool.end();
      await run(url, `DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}

async function run(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
