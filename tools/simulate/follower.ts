/** Follows a topic of the simulated log from its beginning, as a view does (`libs/shared/kafka/reader.ts`): each partition in order. */
import { sleep } from "../../libs/shared/clock.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import type { LogPartition, SimulatedLog } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";

const AGAIN_MS = 100;

/** Until the process ends. Records are told once their transactions are committed. */
export function follow(
  process: SimulatedProcess,
  log: SimulatedLog,
  topic: string,
  write: (records: readonly InRecord[]) => Promise<void>,
): void {
  for (const partition of log.partitions(topic)) void followOne(process, log, partition, write);
}

async function followOne(
  process: SimulatedProcess,
  log: SimulatedLog,
  partition: LogPartition,
  write: (records: readonly InRecord[]) => Promise<void>,
): Promise<never> {
  let grown = Promise.withResolvers<void>();
  const unwatch = log.watch((changed) => {
    if (!process.alive) unwatch();
    else if (changed === partition) process.deliver(() => grown.resolve());
  });
  for (let next = 0; ; ) {
    grown = Promise.withResolvers<void>();
    const from = next;
    const read = await process
      .call(`kafka: follow ${partition.topic}`, () => partition.read(from, Number.POSITIVE_INFINITY), {
        lost: () => unavailable("kafka", new Error("timed out")),
      })
      .catch(() => undefined);
    if (read === undefined) {
      await sleep(process.clock, AGAIN_MS);
      continue;
    }
    await write(read.records);
    next = read.next;
    await grown.promise;
  }
}
