/** Whether Postgres answers, for readiness. */
import type { Pool } from "./client.ts";

/** One problem in words, or none. */
export async function postgresProblem(pool: Pool): Promise<string[]> {
  try {
    await pool.query("SELECT 1");
    return [];
  } catch {
    return ["postgres is away"];
  }
}
