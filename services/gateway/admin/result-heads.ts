/** Results without their answers, the newest first: enough of each row's text is read to know how it came about. */
import type { ResultHead } from "../../../libs/shared/events/flow.ts";
import type { Reads } from "./reads.ts";
import { stretchesBack } from "./stretches.ts";

export type HeadFilter = {
  readonly tenant?: string | undefined;
  readonly tier?: string | undefined;
  /** Any of these. */
  readonly cache?: readonly string[] | undefined;
  readonly from_ms: number;
  /** Ended before it. */
  readonly before_ms?: number | undefined;
  readonly limit: number;
};

/** Of a text; the answer stands last, behind everything that is looked for. */
const CHARS_MAX = 32_768;
/** Parsed before others have their turn. */
const PARSED_AT_ONCE = 250;

/** The sort has the rows' texts by reference: only those shown are read. */
const STATEMENT = `
WITH newest AS MATERIALIZED (
  SELECT result, completed_at FROM sluice_results
  WHERE completed_at >= to_timestamp($1::float8 / 1000) AND completed_at < to_timestamp($2::float8 / 1000)
    AND day >= (to_timestamp($1::float8 / 1000) AT TIME ZONE 'UTC')::date - 1
    AND ($3::text IS NULL OR tenant = $3) AND ($4::text IS NULL OR tier = $4) AND ($5::text[] IS NULL OR cache = ANY($5))
  ORDER BY completed_at DESC LIMIT $6
)
SELECT left(result, ${CHARS_MAX}) AS text FROM newest ORDER BY completed_at DESC`;

/** @throws retryable while Postgres is away or takes too long. */
export async function newestHeads(reads: Reads, filter: HeadFilter, now_ms: number): Promise<readonly ResultHead[]> {
  const { before_ms = Infinity, tenant, tier, cache, limit } = filter;
  const rows: { readonly text: string }[] = [];
  for (const { from_ms, to_ms } of stretchesBack({ from_ms: filter.from_ms, to_ms: before_ms }, now_ms)) {
    const values = [from_ms, to_ms, tenant ?? null, tier ?? null, cache ?? null, limit - rows.length];
    rows.push(...(await reads<{ readonly text: string }>(STATEMENT, values)));
    if (rows.length >= limit) break;
  }
  const heads: ResultHead[] = [];
  for (let at = 0; at < rows.length; at += PARSED_AT_ONCE) {
    for (const { text } of rows.slice(at, at + PARSED_AT_ONCE)) {
      const head = headOf(text);
      if (head !== undefined) heads.push(head);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return heads;
}

const ANSWER = ',"response":';

/**
 * What stands before the answer in a Result's text, which may be cut off in the answer. A caller's metadata may have a member of the
 * answer's name: then the text up to there is no object, and the next place is looked at.
 */
export function headOf(text: string): ResultHead | undefined {
  for (let at = text.indexOf(ANSWER); at >= 0; at = text.indexOf(ANSWER, at + 1)) {
    const head = parsed(`${text.slice(0, at)}}`);
    if (head !== undefined) return head;
  }
  return parsed(text);
}

function parsed(text: string): ResultHead | undefined {
  try {
    return JSON.parse(text) as ResultHead;
  } catch {
    return undefined;
  }
}
