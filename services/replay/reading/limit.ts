/**
 * Shortens stretches to the first records that a selection takes, one of each in turn. The limit is then in the stretches themselves: a
 * replay that goes on after a crash needs no count of what it had.
 */
import type { Range } from "../../../libs/shared/replay/replay.ts";
import type { RecordedChunk } from "../contract.ts";

/**
 * @param read chunks of a stretch.
 * @param look told of each offset passed; throws where it were too many.
 * @returns those that hold something, each to behind the last record that is taken.
 */
export async function limited(
  ranges: readonly Range[],
  limit: number,
  read: (range: Range) => AsyncIterable<RecordedChunk>,
  look: (passed: number) => void,
): Promise<readonly Range[]> {
  const readers = ranges.map((range) => ({ range, taken: takenIn(read(range), look), to: range.from }));
  let left = limit;
  let open = readers;
  try {
    while (left > 0 && open.length > 0) {
      const ended = new Set<(typeof readers)[number]>();
      for (const reader of open) {
        if (left === 0) break;
        const next = await reader.taken.next();
        if (next.done === true) {
          ended.add(reader);
          continue;
        }
        reader.to = next.value + 1;
        left -= 1;
      }
      open = open.filter((reader) => !ended.has(reader));
    }
  } finally {
    await Promise.all(readers.map(({ taken }) => taken.return()));
  }
  return readers.flatMap(({ range, to }) => (to > range.from ? [{ ...range, to }] : []));
}

/** Offsets of the records that the selection takes. */
async function* takenIn(
  chunks: AsyncIterable<RecordedChunk>,
  look: (passed: number) => void,
): AsyncGenerator<number, void, void> {
  for await (const { items } of chunks) {
    look(items.length);
    for (const { offset, recorded } of items) if (recorded !== undefined) yield offset;
  }
}
