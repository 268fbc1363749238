/** A router that starts: the model, and `llm.cache` with as many entries as it holds, read from a real broker into the index. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CliContext } from "../../../cli/context.ts";
import { openContext, ROOT, registerSchemas } from "../../../cli/context.ts";
import { cacheEntryOut } from "../../../libs/shared/cache/entry-records.ts";
import { systemClock } from "../../../libs/shared/clock.ts";
import { encodeVector } from "../../../libs/shared/embedding/quantized.ts";
import { BatchingProducer } from "../../../libs/shared/kafka/producer.ts";
import { ensureTopics } from "../../../libs/shared/kafka/topology.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { MemoryIndex } from "../../../services/router/cache/index/memory-index.ts";
import { CacheView } from "../../../services/router/cache/view.ts";
import { startParts } from "../../../tools/stack/parts.ts";
import type { Figure } from "../../support/report.ts";
import { ENTRIES, entryOf, makeVectors, NAMESPACE } from "../entries.ts";
import { openModel } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const READY_S_MAX = 10;
const PRODUCED_TOGETHER = 2_000;
const RESPONSE = Buffer.from(JSON.stringify({ choices: [{ message: { content: "An answer. ".repeat(60) } }] }));
const LOOK_MS = 10;

export const restart: Scenario = {
  name: "restart",
  summary: `a router reads ${ENTRIES} entries of one namespace from Kafka`,
  seconds: 60,
  async run({ signal, say }) {
    const dir = join(ROOT, ".sluice", "bench-router-restart");
    const parts = await startParts({ root: ROOT, dir, env: process.env, signal, ephemeral_ports: true, fresh: true });
    try {
      const context = await openContext({ ...process.env, ...parts.env });
      await Promise.all([ensureTopics(context.kafka, context.settings), registerSchemas(context)]);
      const embedder = await openModel(signal, say);
      const vectors = await makeVectors(embedder, say);
      await embedder.close();
      say(`writing ${ENTRIES} entries`);
      await produce(context, vectors);
      say("reading them");
      return await measure(context, vectors[0] as Int8Array, signal, say);
    } finally {
      await parts.stop();
    }
  },
};

async function produce({ kafka, codec, names, settings }: CliContext, vectors: readonly Int8Array[]): Promise<void> {
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  const now_ms = Date.now();
  const out = (number: number) => {
    const vector = vectors[number] as Int8Array;
    const { vector: _, ...head } = entryOf(number, vector, now_ms);
    return cacheEntryOut(codec, names.cache, { ...head, embedding: encodeVector(vector) }, RESPONSE);
  };
  for (let from = 0; from < ENTRIES; from += PRODUCED_TOGETHER) {
    await producer.publish(Array.from({ length: PRODUCED_TOGETHER }, (_, at) => out(from + at)));
  }
  await producer.close();
}

async function measure(
  { kafka, codec, names }: CliContext,
  vector: Int8Array,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Figure[]> {
  const begin_ms = performance.now();
  const cpu_before = process.cpuUsage();
  const since_s = (): number => (performance.now() - begin_ms) / 1_000;
  const embedder = await openModel(signal, say);
  const model_s = since_s();
  const dimensions = embedder.dimensions;
  const index = new MemoryIndex({ dimensions, entries_max: ENTRIES, tenant_entries_max: ENTRIES });
  const view = new CacheView(kafka, names.cache, { codec, index, dimensions, clock: systemClock, log: silentLog });
  await view.start();
  while (!view.caught_up) await sleep(LOOK_MS, undefined, { signal });
  const ready_s = since_s();
  const { user, system } = process.cpuUsage(cpu_before);
  const found = index.nearest(NAMESPACE, vector, 1, Date.now()).length;
  await Promise.all([view.stop(), embedder.close()]);
  return [
    {
      name: "ready to look up",
      value: ready_s,
      unit: "s",
      target: { at_most: READY_S_MAX },
      beside: { name: "the model alone", value: model_s },
    },
    { name: "CPU time until then", value: (user + system) / 1_000_000, unit: "s" },
    { name: "entries that are not there", value: ENTRIES - index.size, unit: "", target: { at_most: 0 } },
    { name: "the first question's entry is found", value: found, unit: "", target: { at_least: 1 } },
  ];
}
