/** Reads a topic of the simulated log as a view does (`libs/shared/kafka/reader.ts`): each partition in order, what is committed. */
import { sleep } from "../../libs/shared/clock.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import type { LogPartition, SimulatedLog } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";

type Each = (records: readonly InRecord[]) => Promise<void>;

const AGAIN_MS = 100;

/** Follows from the beginning until the process ends. @returns whether all that was there at the first read is read. */
export function follow(process: SimulatedProcess, log: SimulatedLog, topic: string, each: Each): () => boolean {
  const behind = new Set(log.partitions(topic));
  for (const partition of behind) void followOne(process, log, partition, each, () => behind.delete(partition));
  return () => behind.size === 0;
}

async function followOne(
  process: SimulatedProcess,
  log: SimulatedLog,
  partition: LogPartition,
  each: Each,
  caughtUp: () => void,
): Promise<never> {
  let grown = Promise.withResolvers<void>();
  const unwatch = log.watch((changed) => {
    if (!process.alive) unwatch();
    else if (changed === partition) process.deliver(() => grown.resolve());
  });
  let first_end: number | undefined;
  for (let next = 0; ; ) {
    grown = Promise.withResolvers<void>();
    const read = await readFrom(process, partition, next).catch(() => undefined);
    if (read === undefined) {
      await sleep(process.clock, AGAIN_MS);
      continue;
    }
    await each(read.records);
    next = read.next;
    first_end ??= read.end;
    if (next >= first_end) caughtUp();
    await grown.promise;
  }
}

/** From the beginning to the end that the topic has now; open transactions before it are waited for. Rejects when a read is lost. */
export async function readToEnd(process: SimulatedProcess, log: SimulatedLog, topic: string, each: Each) {
  for (const partition of log.partitions(topic)) {
    let end: number | undefined;
    for (let next = 0; end === undefined || next < end; ) {
      if (end !== undefined) await sleep(process.clock, AGAIN_MS);
      const read = await readFrom(process, partition, next);
      await each(read.records);
      next = read.next;
      end ??= read.end;
    }
  }
}

function readFrom(process: SimulatedProcess, partition: LogPartition, from: number) {
  const read = () => ({ ...partition.read(from, Number.POSITIVE_INFINITY), end: partition.end });
  return process.call(`kafka: read ${partition.topic}`, read, {
    lost: () => unavailable("kafka", new Error("timed out")),
  });
}
