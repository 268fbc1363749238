/** Takes the partitions of a replay through a worker, side by side, each in the order of its offsets. */
import type { Clock } from "../../libs/shared/clock.ts";
import { sleepUntil } from "../../libs/shared/clock.ts";
import { isRetryable } from "../../libs/shared/errors.ts";
import { partitionId } from "../../libs/shared/kafka/ports.ts";
import type { Range, ReplayError } from "../../libs/shared/replay/replay.ts";
import { type RetryContext, untilAvailable } from "../../libs/shared/retry.ts";
import type { RecordedItem, RecordedReader, ReplayedChunk, ReplayWorker } from "./contract.ts";
import type { WrittenItem } from "./modes.ts";
import type { ReplayOutput } from "./output.ts";
import type { Rate } from "./rate.ts";

export type PassingDeps = {
  readonly clock: Clock;
  readonly retry: RetryContext;
  readonly reader: RecordedReader;
  readonly output: ReplayOutput;
  readonly rate: Rate;
  /** Offsets of one transaction at the most. */
  readonly chunk: number;
  /** Aborted to end soon: what is worked on is written, nothing more is begun. */
  readonly stopping: AbortSignal;
  /** Ends the other partitions as well. */
  readonly stop: (why?: ReplayError) => void;
};

/** Each has a chunk or two in memory. */
const PARTITIONS_AT_ONCE = 16;

/** Ends when all ranges are passed, or soon after `stopping`. @throws the first thing that goes wrong, once all have ended. */
export async function passRanges(deps: PassingDeps, worker: ReplayWorker, ranges: readonly Range[]): Promise<void> {
  const waiting = [...Map.groupBy(ranges, partitionId).values()];
  const turns = Array.from({ length: Math.min(PARTITIONS_AT_ONCE, waiting.length) }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await passPartition(deps, worker, next).catch((error: unknown) => {
        deps.stop();
        throw error;
      });
    }
  });
  const ended = await Promise.allSettled(turns);
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function passPartition(deps: PassingDeps, worker: ReplayWorker, ranges: readonly Range[]): Promise<void> {
  const { retry, stopping } = deps;
  const in_order = [...ranges].sort((one, other) => one.from - other.from);
  for (const range of in_order) {
    // Over and over from where it stands, while a part is away.
    await untilAvailable(
      retry,
      "replay",
      async () => {
        if (!stopping.aborted) await passRange(deps, worker, range);
      },
      () => stopping.aborted,
    ).catch((error: unknown) => {
      // What could not be written is worked on again when the replay goes on.
      if (!(stopping.aborted && isRetryable(error))) throw error;
    });
    if (stopping.aborted) return;
  }
}

async function passRange(deps: PassingDeps, worker: ReplayWorker, range: Range): Promise<void> {
  const { output, reader, rate, stopping } = deps;
  const source = { topic: range.topic, partition: range.partition };
  const position = await output.open(source);
  const from = Math.max(range.from, position);
  if (from < range.to) {
    for await (const { items } of reader.read(range, worker.wanted, from)) {
      for (const piece of piecesOf(items, rate.piece(deps.chunk))) {
        const records = piece.flatMap(({ recorded }) => recorded ?? []);
        await pace(deps, records.length);
        if (stopping.aborted) return;
        const chunk = records.length === 0 ? NOTHING : await worker.run(records, stopping);
        await output.write(source, itemsOf(piece, chunk));
        if (chunk.stopped === undefined) continue;
        const { code, message } = chunk.stopped;
        deps.stop(code === "stopping" ? undefined : { code, message });
        return;
      }
    }
  }
  output.finished(range);
}

const NOTHING: ReplayedChunk = { done: [] };

/** Waits for the replay's turn; shorter where it is to stop. */
export async function pace(
  { rate, clock, stopping }: Pick<PassingDeps, "rate" | "clock" | "stopping">,
  records: number,
) {
  if (records === 0) return;
  const wait_ms = rate.take(records, clock.now_ms());
  if (wait_ms > 0) await sleepUntil(clock, wait_ms, [stopping]);
}

/** Pieces with at most `selected_max` selected records each; what the selection leaves out goes with what comes before it. Pure. */
function piecesOf(items: readonly RecordedItem[], selected_max: number): RecordedItem[][] {
  const pieces: RecordedItem[][] = [];
  let piece: RecordedItem[] = [];
  let selected = 0;
  for (const item of items) {
    if (item.recorded !== undefined && selected === selected_max) {
      pieces.push(piece);
      piece = [];
      selected = 0;
    }
    piece.push(item);
    if (item.recorded !== undefined) selected += 1;
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}

/** Up to the first record that was left out, since the position never passes one. Pure. */
function itemsOf(piece: readonly RecordedItem[], { done }: ReplayedChunk): WrittenItem[] {
  const replayed = new Map(done.map((one) => [one.recorded.source.offset, one]));
  const items: WrittenItem[] = [];
  for (const { offset, recorded } of piece) {
    if (recorded === undefined) {
      items.push({ offset });
      continue;
    }
    const came_to = replayed.get(offset);
    if (came_to === undefined) break;
    items.push({ offset, replayed: came_to });
  }
  return items;
}
