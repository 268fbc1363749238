/** `llm.usage` as a simulated process reads it to restore the counters: from its beginning to its end, as it is committed. */

import { sleep } from "../../libs/shared/clock.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { readUsageEntry } from "../../libs/shared/events/usage-records.ts";
import type { LogPartition } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";

type AddEntry = (partition: number, offset: number, entry: UsageEntry, at_ms: number) => void;

const LOOK_MS = 100;

/** What was written before the start is read, and open transactions before that end are waited for. */
export async function readLedger(
  process: SimulatedProcess,
  codec: EventCodec,
  partitions: readonly LogPartition[],
  add: AddEntry,
): Promise<{ readonly applied: ReadonlyMap<number, number> }> {
  const ends = await fetch(process, "the ends", () => partitions.map(({ end }) => end));
  const applied = new Map<number, number>();
  for (const [index, partition] of partitions.entries()) {
    const end = ends[index] ?? 0;
    for (let next = 0; next < end; ) {
      const from = next;
      const read = await fetch(process, "entries", () => partition.read(from, Number.POSITIVE_INFINITY));
      for (const record of read.records) {
        const one = await readUsageEntry(codec, record);
        if (!one.ok) throw new Error(one.message);
        add(partition.number, record.offset, one.entry, record.timestamp_ms);
      }
      next = read.next;
      if (next > 0) applied.set(partition.number, next - 1);
      if (next < end) await sleep(process.clock, LOOK_MS);
    }
  }
  return { applied };
}

function fetch<T>(process: SimulatedProcess, what: string, effect: () => T): Promise<T> {
  return process.call(`kafka: read ${what} of the ledger`, effect, {
    lost: () => unavailable("kafka", new Error("timed out")),
  });
}
