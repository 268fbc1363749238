/** Brokers that are killed while requests come at a steady rate, whatever becomes of the answers. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Parts } from "../../tools/stack/parts.ts";
import type { Pipeline } from "./pipeline.ts";
import { chat } from "./requests.ts";
import { until } from "./until.ts";

export type SteadyLoad = {
  readonly ids: readonly string[];
  /** Resolves when the last request is on its topic. */
  readonly sent: Promise<void>;
  /** Ends the load; what was sent stays to be answered. */
  stop(): void;
};

const IN_SYNC_WAIT_MS = 300_000;
const TICK_MS = 100;
/** A broker that is away must not make of the load a heap of promises. */
const WAITING_MAX = 200;

/** Open loop: so many a second, in sessions of ten, from now until `stop`. Waits for Kafka where it is away, and catches up. */
export function steadyLoad(pipeline: Pipeline, name: string, per_s: number): SteadyLoad {
  const ids: string[] = [];
  let stopped = false;
  const run = async (): Promise<void> => {
    const start_ms = performance.now();
    const sends = new Set<Promise<void>>();
    while (!stopped) {
      const due = Math.floor(((performance.now() - start_ms) / 1_000) * per_s) - ids.length;
      if (due > 0 && sends.size < WAITING_MAX) {
        const chunk = Array.from({ length: due }, (_, index) => pipeline.id(`${name}-${ids.length + index}`));
        const records = chunk.map((id, index) => {
          const session = `${name}-${Math.floor((ids.length + index) / 10)}`;
          return { key: session, value: { id, tenant: "demo", session, body: chat(`request ${id}`) } };
        });
        ids.push(...chunk);
        const send = pipeline.produce(records).finally(() => sends.delete(send));
        sends.add(send);
      }
      await sleep(TICK_MS);
    }
    await Promise.all(sends);
  };
  const sent = run();
  sent.catch(() => undefined);
  return {
    ids,
    sent,
    stop() {
      stopped = true;
    },
  };
}

/** SIGKILL; its supervisor starts it again. Resolves when it runs and, for the next kill, when every replica is in sync. */
export async function killBroker(parts: Parts, pipeline: Pipeline, name: string): Promise<void> {
  const pidOf = (): number | undefined => parts.processes.find((one) => one.name === name)?.pid;
  const pid = pidOf();
  if (pid === undefined) throw new Error(`${name} does not run here`);
  process.kill(pid, "SIGKILL");
  await until(`${name} runs again`, () => ![undefined, pid].includes(pidOf()));
  await inSync(pipeline);
}

/** Waits until all replicas of all topics have what was acknowledged. */
export async function inSync({ kafka }: Pick<Pipeline, "kafka">): Promise<void> {
  const admin = kafka.admin();
  try {
    await until(
      "every replica is in sync",
      async () => {
        try {
          await admin.connect();
          const { topics } = await admin.fetchTopicMetadata();
          return topics.every(({ partitions }) =>
            partitions.every(({ replicas, isr }) => replicas.length === isr.length),
          );
        } catch {
          return false;
        }
      },
      IN_SYNC_WAIT_MS,
    );
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
