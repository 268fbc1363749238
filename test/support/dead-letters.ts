/** Dead letters in memory: a topic that can be read, and rows of what was done. */
import type { DeadLetter, Handled } from "../../libs/shared/dead-letters/letter.ts";
import type { ReadingDeps } from "../../libs/shared/dead-letters/reading.ts";
import type { DeadLetterRows } from "../../libs/shared/dead-letters/rows.ts";
import { deadLetter } from "../../libs/shared/events/dead-letters.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { DEAD_LETTERS, NAMES } from "./memory-ports.ts";

/** What a service wrote of a record, as it is read from `llm.dlq`. */
export function letterRecord(source: InRecord, code: string, more: Partial<InRecord> = {}): InRecord {
  const { key, value, headers = {} } = deadLetter(DEAD_LETTERS, source, code, `because of ${code}`);
  return {
    ...{ topic: NAMES.dlq, partition: 0, offset: 0, timestamp_ms: 5_000, headers, value },
    key: key as Buffer | null,
    ...more,
  };
}

export class MemoryRows implements DeadLetterRows {
  readonly handled = new Map<string, Handled>();

  async of(letters: readonly DeadLetter[]): Promise<readonly (Handled | undefined)[]> {
    return letters.map(({ place }) => this.handled.get(place));
  }

  async note(done: readonly { readonly letter: DeadLetter; readonly handled: Handled }[]): Promise<number> {
    const fresh = done.filter(({ letter }) => !this.handled.has(letter.place));
    for (const { letter, handled } of fresh) this.handled.set(letter.place, handled);
    return fresh.length;
  }
}

/** Reads these records; each partition's offsets begin at 0. @param chunk records read at once. */
export function memoryReader(records: readonly InRecord[], chunk = 3): ReadingDeps["reader"] {
  const partitions = Map.groupBy(records, ({ partition }) => partition);
  const of = (partition: number): readonly InRecord[] => partitions.get(partition) ?? [];
  return {
    bounds: async () => new Map([...partitions].map(([partition, some]) => [partition, { low: 0, end: some.length }])),
    at: async (_topic, time_ms) =>
      new Map(
        [...partitions].map(([partition, some]) => [
          partition,
          some.find(({ timestamp_ms }) => timestamp_ms >= time_ms)?.offset,
        ]),
      ),
    async *read({ partition, from, to }) {
      for (let at = from; at < to; at += chunk) yield of(partition).slice(at, Math.min(at + chunk, to));
    },
    readAt: async ({ partition }, offsets) =>
      new Map(of(partition).flatMap((record) => (offsets.includes(record.offset) ? [[record.offset, record]] : []))),
  };
}
