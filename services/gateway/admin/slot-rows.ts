/** Results summed by the slot that they ended in, out of Postgres: found by when they ended (a BRIN index), in the days around it. */
import { usdOf } from "../../../libs/shared/money.ts";
import type { Reads } from "./reads.ts";
import { CLASS_GROWTH, SLOT_MS, type SlotRange, type SlotRow } from "./slots.ts";

// A claim comes after its request has ended; a day is left for clocks that differ.
const ROWS = `
SELECT floor(extract(epoch FROM completed_at) * 1000 / ${SLOT_MS})::float8 AS slot, status, coalesce(cache, '') AS cache,
  CASE WHEN status = 'succeeded' THEN
    floor(ln(greatest(extract(epoch FROM completed_at - received_at) * 1000, 1)::float8) / ln(${CLASS_GROWTH}::float8))::float8
  END AS class,
  count(*)::float8 AS requests, coalesce(sum(cost_nusd), 0)::float8 AS cost_nusd,
  coalesce(sum(prompt_tokens), 0)::float8 AS prompt_tokens, coalesce(sum(completion_tokens), 0)::float8 AS completion_tokens
FROM sluice_results
WHERE completed_at >= to_timestamp($1::float8) AND completed_at < to_timestamp($2::float8)
  AND day BETWEEN (to_timestamp($1::float8) AT TIME ZONE 'UTC')::date - 1 AND (to_timestamp($2::float8) AT TIME ZONE 'UTC')::date + 1
GROUP BY 1, 2, 3, 4`;

type Row = Omit<SlotRow, "cost_usd"> & { readonly cost_nusd: number };

/** @throws retryable while Postgres is away, or takes too long. */
export async function readSlotRows(read: Reads, { from, to }: SlotRange): Promise<SlotRow[]> {
  const rows = await read<Row>(ROWS, [(from * SLOT_MS) / 1_000, (to * SLOT_MS) / 1_000]);
  return rows.map(({ cost_nusd, ...row }) => ({ ...row, cost_usd: usdOf(cost_nusd) }));
}
