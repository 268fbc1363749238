/** What the keys of many ids take, out of what Redis tells. Pure. */

export type KeyMemory = {
  /** Redis's memory for each id, two keys with it: the id as seen, and its idempotency key. */
  readonly both_bytes: number;
  /** `MEMORY USAGE` of a key of each kind, the mean of a sample. */
  readonly seen_usage_bytes: number;
  readonly idempotency_usage_bytes: number;
};

/** `MEMORY USAGE` leaves out slots of the hash tables and entries of TTLs; both kinds have as many of these. */
export function bytesByKind({ both_bytes, seen_usage_bytes, idempotency_usage_bytes }: KeyMemory) {
  const tables_bytes = (both_bytes - seen_usage_bytes - idempotency_usage_bytes) / 2;
  return { seen_bytes: seen_usage_bytes + tables_bytes, idempotency_bytes: idempotency_usage_bytes + tables_bytes };
}

const MILLION = 1_000_000;

/** MiB of a million keys of so many bytes. */
export function mibPerMillion(bytes: number): number {
  return (bytes * MILLION) / 2 ** 20;
}

/** MiB once new keys come for as long as the oldest is kept, whence it grows no more. */
export function mibAtRest(bytes: number, per_second: number, ttl_hours: number): number {
  return (bytes * per_second * ttl_hours * 3_600) / 2 ** 20;
}
