/** Several statements as one. */
import type { PoolClient } from "pg";
import { type Pool, withPostgres } from "./client.ts";

/**
 * Commits what `work` did, or nothing where it throws. It speaks to Postgres alone: any error but a wrong statement counts as the server's.
 * @throws retryable while Postgres is away.
 */
export function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return withPostgres(async () => {
    const client = await pool.connect();
    let broken = false;
    try {
      await client.query("BEGIN");
      const done = await work(client);
      await client.query("COMMIT");
      return done;
    } catch (error) {
      // A connection that cannot even roll back is not given to the next.
      await client.query("ROLLBACK").catch(() => {
        broken = true;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  });
}
