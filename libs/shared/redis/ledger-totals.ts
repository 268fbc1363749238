/** What the attempt ledger has counted for a tenant: calls whose answers nobody knows, and what they may have cost. */
import { type RedisClient, withRedis } from "./client.ts";

export type LedgerTotals = { readonly unknown_calls: number; readonly duplicate_nusd: number };

/** A hash with the fields of `LedgerTotals`. The tenant is the hash tag. */
export function ledgerTotalsKey(tenant: string): string {
  return `ledger:{${tenant}}`;
}

/** Throws (retryable) while Redis is away. */
export async function readLedgerTotals(redis: RedisClient, tenant: string): Promise<LedgerTotals> {
  const found = await withRedis(() => redis.hgetall(ledgerTotalsKey(tenant)));
  return { unknown_calls: Number(found["unknown_calls"] ?? 0), duplicate_nusd: Number(found["duplicate_nusd"] ?? 0) };
}
