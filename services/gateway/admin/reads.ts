/**
 * Reads over all tenants, for people: few at once and each of bounded time, so that they never take the connections that callers wait
 * for.
 */
import { SluiceError } from "../../../libs/shared/errors.ts";
import { type Pool, withPostgres } from "../../../libs/shared/postgres/client.ts";

export type Reads = <Row extends object>(text: string, values: readonly unknown[]) => Promise<readonly Row[]>;

export type ReadLimits = {
  /** A statement's time. */
  readonly statement_ms_max: number;
  /** Connections taken at once. */
  readonly at_once: number;
  /** Reads that wait for their turn; beyond, they are refused. */
  readonly waiting_max: number;
};

const LIMITS: ReadLimits = { statement_ms_max: 10_000, at_once: 2, waiting_max: 32 };

/** @throws retryable while Postgres is away, takes too long, or too many wait. */
export function boundedReads(pool: Pool, limits: ReadLimits = LIMITS): Reads {
  const { statement_ms_max, at_once, waiting_max } = limits;
  const waiting: (() => void)[] = [];
  let running = 0;
  const enter = async (): Promise<void> => {
    if (running < at_once) {
      running += 1;
      return;
    }
    if (waiting.length >= waiting_max) {
      throw new SluiceError("dependency_unavailable", "too many read at once; try again soon", { retryable: true });
    }
    // Whoever leaves hands its place on.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  return async <Row extends object>(text: string, values: readonly unknown[]) => {
    await enter();
    try {
      return await withPostgres(() => readOnce<Row>(pool, statement_ms_max, text, values));
    } finally {
      leave();
    }
  };
}

async function readOnce<Row extends object>(
  pool: Pool,
  statement_ms_max: number,
  text: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query("BEGIN READ ONLY");
    await client.query(`SET LOCAL statement_timeout = ${Math.round(statement_ms_max)}`);
    const { rows } = await client.query<Row>(text, [...values]);
    await client.query("COMMIT");
    return rows;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
