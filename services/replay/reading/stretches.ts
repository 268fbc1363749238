/** Which stretches of a topic a selection asks for. Pure. */
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { PartitionBounds } from "../../../libs/shared/kafka/broker-reads.ts";
import { clusters } from "../../../libs/shared/kafka/fetched.ts";
import type { Range, Selection } from "../../../libs/shared/replay/replay.ts";

/** By partition, the first offset written at or after a time; undefined: none is. */
export type OffsetsAt = ReadonlyMap<number, number | undefined>;

export type Times = { readonly from?: OffsetsAt | undefined; readonly to?: OffsetsAt | undefined };

/** Places of single records this close together are one stretch: the ids choose among what it holds. */
const GAP_MAX = 64;

/** By time and offsets, within what is there; in the order of partitions, none of them empty. */
export function stretchesOf(
  { topic, offsets }: Pick<Selection, "topic" | "offsets">,
  bounds: ReadonlyMap<number, PartitionBounds>,
  times: Times,
): readonly Range[] {
  const asked = offsets ?? [...bounds.keys()].map((partition) => ({ partition, from: 0, to: Number.MAX_SAFE_INTEGER }));
  const found = asked.map(({ partition, from, to }) => {
    const there = bounds.get(partition);
    if (there === undefined) throw new SluiceError("usage", `${topic} has no partition ${partition}`);
    const first = times.from === undefined ? there.low : (times.from.get(partition) ?? there.end);
    const last = times.to?.get(partition) ?? there.end;
    return { topic, partition, from: Math.max(from, first, there.low), to: Math.min(to, last, there.end) };
  });
  return merged(found);
}

/** The parts of stretches that hold certain places. */
export function around(
  ranges: readonly Range[],
  places: readonly { readonly partition: number; readonly offset: number }[],
): readonly Range[] {
  const by_partition = Map.groupBy(places, ({ partition }) => partition);
  const found = ranges.flatMap(({ topic, partition, from, to }) =>
    clusters(
      (by_partition.get(partition) ?? []).map(({ offset }) => offset),
      GAP_MAX,
    ).map((one) => ({
      topic,
      partition,
      from: Math.max(from, one.from),
      to: Math.min(to, one.to),
    })),
  );
  return merged(found);
}

export function offsetsIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** In order; those that overlap or touch are one, so that no record is read twice. */
function merged(ranges: readonly Range[]): readonly Range[] {
  const found: Range[] = [];
  const ordered = ranges
    .filter(({ from, to }) => from < to)
    .sort((one, other) => one.partition - other.partition || one.from - other.from);
  for (const range of ordered) {
    const last = found.at(-1);
    if (last === undefined || last.partition !== range.partition || range.from > last.to) found.push(range);
    else found.splice(-1, 1, { ...last, to: Math.max(last.to, range.to) });
  }
  return found;
}
