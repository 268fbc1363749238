/**
 * Rows of results of every tenant, the last to end first. They are found by when they ended (a BRIN index), in stretches of time that grow
 * until the page is full, so that what is looked at is about as much as what is asked for.
 */
import { LISTED_COLUMNS, type ListedRow, type ListFilter, listed, type StoredRow } from "../result-rows.ts";
import type { Reads } from "./reads.ts";
import { stretchesBack } from "./stretches.ts";

/** Of two that ended at one time, the one of the higher tenant and id is the later one. */
export type EndPlace = {
  /** Epoch microseconds, a whole number. */
  readonly completed_us: number;
  readonly tenant: string;
  readonly id: string;
};

export type EndedRow = ListedRow & EndPlace;

export type EndedPage = ListFilter & {
  /** Left out: any. */
  readonly statuses?: readonly string[] | undefined;
  readonly before?: EndPlace | undefined;
  readonly limit: number;
};

type Stored = StoredRow & EndPlace;

const US = 1_000;
/** Further back, only where `from_ms` says so. */
const BACK_MS_MAX = 100 * 86_400_000;

const COLUMNS = `tenant, ${LISTED_COLUMNS}, round(extract(epoch FROM completed_at) * 1e6)::float8 AS completed_us`;

/** `from_ms` and `to_ms` are of the end here. @throws retryable while Postgres is away, or takes too long. */
export async function endedRows(read: Reads, page: EndedPage, now_ms: number): Promise<EndedRow[]> {
  const found: EndedRow[] = [];
  const span = {
    from_ms: page.from_ms ?? now_ms - BACK_MS_MAX,
    to_ms: Math.min(page.to_ms ?? Infinity, (page.before?.completed_us ?? Infinity) / US + 1),
  };
  for (const { from_ms, to_ms } of stretchesBack(span, now_ms)) {
    const { text, values } = statement({ ...page, limit: page.limit - found.length }, from_ms, to_ms);
    found.push(...(await read<Stored>(text, values)).map(listed));
    if (found.length >= page.limit) break;
  }
  return found;
}

/** Of one id, whichever of these tenants it is of. */
export async function rowsOfId(read: Reads, tenants: readonly string[], id: string): Promise<EndedRow[]> {
  const text = `SELECT ${COLUMNS} FROM sluice_results WHERE tenant = ANY($1::text[]) AND id = $2 ORDER BY tenant`;
  return (await read<Stored>(text, [tenants, id])).map(listed);
}

function statement(page: EndedPage, from_ms: number, to_ms: number): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const [from, to] = [from_ms, to_ms].map((at_ms) => `to_timestamp(${value(at_ms / 1_000)}::float8)`);
  const wheres = [
    `completed_at >= ${from}`,
    `completed_at < ${to}`,
    // A claim comes after its request has ended; a day is left for clocks that differ.
    `day BETWEEN (${from} AT TIME ZONE 'UTC')::date - 1 AND (${to} AT TIME ZONE 'UTC')::date + 1`,
  ];
  const { tier, model, cache, user, job, error_code } = page;
  for (const [column, given] of Object.entries({ tier, model, cache, user_id: user, job, error_code })) {
    if (given !== undefined) wheres.push(`${column} = ${value(given)}`);
  }
  if (page.statuses !== undefined) wheres.push(`status = ANY(${value(page.statuses)}::text[])`);
  if (page.before !== undefined) {
    const { completed_us, tenant, id } = page.before;
    const at = `to_timestamp(${value(completed_us / 1_000_000)}::float8)`;
    wheres.push(`(completed_at, tenant, id) < (${at}, ${value(tenant)}, ${value(id)})`);
  }
  const text = `SELECT ${COLUMNS} FROM sluice_results WHERE ${wheres.join(" AND ")}
    ORDER BY completed_at DESC, tenant DESC, id DESC LIMIT ${value(page.limit)}`;
  return { text, values };
}
