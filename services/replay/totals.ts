/**
 * What a replay has come to, by partition. The sums of a partition are kept as the note of its committed offset, so that a crash at any moment
 * leaves them as exact as the Results themselves. Pure.
 */
import { z } from "zod";
import { parseJson } from "../../libs/shared/events/json.ts";
import type { Range, ReplayTotals } from "../../libs/shared/replay/replay.ts";
import type { WrittenItem } from "./modes.ts";

const count = z.int().nonnegative();

const sumsSchema = z.object({
  selected: count,
  by_fate: z.record(z.string(), count),
  calls: count,
  cost_nusd: z.number().nonnegative(),
});
export type Sums = z.infer<typeof sumsSchema>;

export const NO_SUMS: Sums = { selected: 0, by_fate: {}, calls: 0, cost_nusd: 0 };

/** With what these items came to. */
export function withItems(sums: Sums, items: readonly WrittenItem[]): Sums {
  const by_fate = { ...sums.by_fate };
  let { selected, calls, cost_nusd } = sums;
  for (const { replayed } of items) {
    if (replayed === undefined) continue;
    selected += 1;
    by_fate[replayed.fate] = (by_fate[replayed.fate] ?? 0) + 1;
    calls += replayed.calls;
    cost_nusd += replayed.cost_nusd;
  }
  return { selected, by_fate, calls, cost_nusd };
}

/** At most some 200 bytes: there are few fates. */
export function noteOf(sums: Sums): string {
  return JSON.stringify(sums);
}

/** @returns nothing yet for a note that is none of ours. */
export function sumsOf(note: string): Sums {
  const parsed = sumsSchema.safeParse(parseJson(Buffer.from(note)));
  return parsed.success ? parsed.data : NO_SUMS;
}

/** Where a partition stands: the next offset, and what came before it. */
export type PartitionState = { readonly position: number; readonly sums: Sums };

/** @param stateOf of the partition that a range is in; undefined where nothing is known yet. */
export function totalsOf(
  ranges: readonly Range[],
  stateOf: (range: Range) => PartitionState | undefined,
): ReplayTotals {
  let passed = 0;
  let of = 0;
  for (const range of ranges) {
    of += range.to - range.from;
    const position = stateOf(range)?.position ?? range.from;
    passed += Math.min(Math.max(position - range.from, 0), range.to - range.from);
  }
  const states = new Set(ranges.flatMap((range) => stateOf(range) ?? []));
  const sums = [...states].reduce((all, { sums }) => plus(all, sums), NO_SUMS);
  return { passed, of, ...sums };
}

function plus(one: Sums, other: Sums): Sums {
  const fates = new Set([...Object.keys(one.by_fate), ...Object.keys(other.by_fate)]);
  const by_fate = [...fates].map((fate) => [fate, (one.by_fate[fate] ?? 0) + (other.by_fate[fate] ?? 0)] as const);
  return {
    selected: one.selected + other.selected,
    by_fate: Object.fromEntries(by_fate),
    calls: one.calls + other.calls,
    cost_nusd: one.cost_nusd + other.cost_nusd,
  };
}
