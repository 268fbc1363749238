/**
 * All recorded requests of a what-if through the simulation, and their Results back to whoever writes them: always from the beginning, so
 * that a run that goes on decides what the one before it decided.
 */
import { partitionId } from "../../../libs/shared/kafka/ports.ts";
import type { Range } from "../../../libs/shared/replay/replay.ts";
import type { Recorded, RecordedChunk, RecordedReader, ReplayedChunk } from "../contract.ts";
import type { RunHooks } from "../modes.ts";
import { knownOf } from "./known.ts";
import { inOrderOfArrival, type Stretch } from "./merging.ts";
import { Outbox, type Slot } from "./outbox.ts";
import type { Preparing } from "./preparing.ts";
import type { Simulation } from "./simulation.ts";
import { Typical } from "./typical.ts";

export type Bounds = {
  /** Written together at the most, and about at the least. */
  readonly chunk: number;
  /** Prepared together. */
  readonly window: number;
  readonly window_bytes: number;
  /** Of Results that wait for one before them; beyond, what they wait for is ended. */
  readonly held_bytes_max: number;
  /** Recorded runs that typical times and lengths are learnt from. */
  readonly learn_max: number;
};

export const BOUNDS: Omit<Bounds, "chunk"> = {
  window: 256,
  window_bytes: 16 * 1024 * 1024,
  held_bytes_max: 256 * 1024 * 1024,
  learn_max: 10_000,
};

/** Results that are ready are written when they are so many bytes, however few they are. */
const READY_BYTES = 16 * 1024 * 1024;

const WANTED = { request: true, outcome: true } as const;

export type PassingDeps = {
  readonly hooks: RunHooks;
  readonly simulation: Simulation;
  readonly preparing: Preparing;
  readonly bounds: Bounds;
};

type Taken = { readonly recorded: Recorded; readonly slot: Slot };

export async function passAll(deps: PassingDeps): Promise<ReplayedChunk["stopped"] | undefined> {
  const { hooks, simulation, bounds } = deps;
  const outbox = new Outbox();
  const isStopping = (): boolean => hooks.stopping.aborted;
  let window: Taken[] = [];
  let window_bytes = 0;
  for await (const { source, item } of inOrderOfArrival(stretchesOf(hooks))) {
    if (isStopping()) break;
    const { recorded } = item;
    if (recorded === undefined) {
      outbox.pass(source, item.offset);
      continue;
    }
    window.push({ recorded, slot: outbox.add(source, item.offset) });
    window_bytes += recorded.request?.length ?? 0;
    if (window.length < bounds.window && window_bytes < bounds.window_bytes) continue;
    await work(deps, outbox, window);
    window = [];
    window_bytes = 0;
  }
  if (!isStopping()) await work(deps, outbox, window);
  if (!isStopping()) await simulation.finish(isStopping);
  await write(deps, outbox, 1);
  if (isStopping())
    return { code: "stopping", message: "it was stopped; it simulates from the beginning when it goes on" };
  for (const range of hooks.ranges) hooks.finished(range);
  return undefined;
}

async function work({ hooks, simulation, preparing, bounds }: PassingDeps, outbox: Outbox, taken: readonly Taken[]) {
  const fresh = taken.filter(
    ({ recorded: { source } }) => source.offset >= (hooks.positions.get(partitionId(source)) ?? 0),
  );
  if (fresh.length > 0) await hooks.pace(fresh.length);
  const prepared = await preparing.prepare(taken.map(({ recorded }) => recorded));
  for (const [at, { recorded, slot }] of taken.entries()) {
    const one = prepared[at];
    if (one === undefined) throw new Error("a record was not prepared");
    await simulation.arrive(one, {
      settle: (replayed) => outbox.settle(recorded.source, slot, replayed),
      waits: (giveUp) => {
        slot.giveUp = giveUp;
      },
    });
  }
  await write(
    { hooks, bounds },
    outbox,
    outbox.bytes > Math.min(READY_BYTES, bounds.held_bytes_max) ? 1 : bounds.chunk,
  );
  while (outbox.bytes > bounds.held_bytes_max && outbox.giveUp()) await write({ hooks, bounds }, outbox, 1);
}

async function write({ hooks, bounds }: Pick<PassingDeps, "hooks" | "bounds">, outbox: Outbox, at_least: number) {
  for (const { source, items } of outbox.take(at_least)) {
    for (let at = 0; at < items.length; at += bounds.chunk) {
      await hooks.publish(source, items.slice(at, at + bounds.chunk));
    }
  }
}

/** Ranges of one partition follow one another. */
function stretchesOf({ reader, ranges }: Pick<RunHooks, "reader" | "ranges">): Stretch[] {
  const by_partition = Map.groupBy(ranges, partitionId);
  const names = [...by_partition.keys()].sort();
  return names.map((name) => {
    const of_partition = (by_partition.get(name) ?? []).toSorted((one, other) => one.from - other.from);
    const [{ topic, partition }] = of_partition as [Range];
    return { source: { topic, partition }, chunks: oneAfterAnother(reader, of_partition) };
  });
}

async function* oneAfterAnother(
  reader: RecordedReader,
  ranges: readonly Range[],
): AsyncGenerator<RecordedChunk, void, undefined> {
  for (const range of ranges) yield* reader.read(range, WANTED);
}

/** From the first records of each range alike. @param deferral_ms as of `knownOf`. */
export async function learnTypical(
  { reader, ranges, stopping }: Pick<RunHooks, "reader" | "ranges" | "stopping">,
  learn_max: number,
  deferral_ms: number,
): Promise<Typical> {
  const typical = new Typical();
  const of_range = Math.ceil(learn_max / Math.max(1, ranges.length));
  for (const range of ranges) {
    let left = of_range;
    for await (const { items } of reader.read(range, { request: false, outcome: true })) {
      for (const { recorded } of items) {
        if (recorded === undefined || left === 0) continue;
        const known = knownOf(recorded, deferral_ms);
        if (known !== undefined) typical.add(known);
        left -= 1;
      }
      if (left === 0 || stopping.aborted) break;
    }
  }
  return typical;
}
