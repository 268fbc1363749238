/** A Sluice of a scenario's own, with settings of its own, and what the scenario does with it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type CliContext, openContext, ROOT, registerSchemas } from "../../cli/context.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { type OutcomeHead, outcomeHead } from "../../libs/shared/events/flow.ts";
import { readHop } from "../../libs/shared/events/hop.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import type { Scale } from "../../tools/stack/services.ts";
import { WITHOUT_CACHE } from "../support/settings.ts";
import { type BenchStack, startBenchStack } from "../support/stack.ts";
import { type JobSpec, jobRecord } from "./jobs.ts";
import { type MockBehaviour, type MockControl, mockControl } from "./mock.ts";

export type StackOptions = {
  readonly partitions: number;
  /** As in sluice.yaml, without models: each serves one of its own name. There is also a tier `embedding`. */
  readonly tiers: Readonly<Record<string, object>>;
  /** Settings of `inference`. */
  readonly inference?: object;
  readonly mock: MockBehaviour;
  /** Default: inference alone, and the gateway idle. */
  readonly scale?: Scale;
};

/** An outcome with its response, as bytes. */
export type Outcome = { readonly head: OutcomeHead; readonly response: Buffer | undefined };

export type InferenceStack = BenchStack & {
  readonly mock: MockControl;
  readonly context: CliContext;
  /** Writes jobs for inference, `CHUNK_RECORDS` at a time. */
  produce(count: number, spec: (index: number) => JobSpec): Promise<void>;
  /** Tells of every outcome, from the first one on, in the order of each partition. */
  onOutcome(told: (outcome: Outcome) => void): Promise<void>;
};

const INFERENCE_ALONE: Scale = { ingest: 0, router: 0, results: 0, inference: 1 };
const CHUNK_RECORDS = 1_000;
const EMBEDDING_TIER = "embedding";
const PRICE = { input_usd_per_mtok: 1, output_usd_per_mtok: 1 };

export async function startInferenceStack(
  name: string,
  options: StackOptions,
  signal: AbortSignal,
): Promise<InferenceStack> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const settings_file = join(dir, "sluice.yaml");
  writeFileSync(settings_file, settingsText(options));
  const closers: (() => Promise<void>)[] = [async () => rmSync(dir, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
  };
  try {
    const scale = options.scale ?? INFERENCE_ALONE;
    const stack = await startBenchStack({ root: ROOT, name: `bench-${name}`, settings_file, scale, signal });
    closers.push(stack.stop);
    const mock = mockControl(stack.mock_url);
    await mock.behave(options.mock);
    const context = await openContext(stack.env);
    await registerSchemas(context);
    const producer = new BatchingProducer(context.kafka, context.settings.producer);
    await producer.connect();
    closers.push(() => producer.close());
    return {
      ...stack,
      mock,
      context,
      produce: (count, spec) => produce(context, producer, count, spec),
      async onOutcome(told) {
        const reader = outcomeReader(context, told);
        await reader.start();
        closers.push(() => reader.stop());
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function settingsText({ partitions, tiers, inference = {} }: StackOptions): string {
  const own = { [EMBEDDING_TIER]: {}, ...tiers };
  const names = Object.keys(own);
  const kindOf = (name: string): string => (name === EMBEDDING_TIER ? "embeddings" : "chat");
  return stringify({
    topics: { partitions },
    tiers: Object.fromEntries(
      Object.entries(own).map(([name, tier]) => [name, { kind: kindOf(name), models: [name], ...tier }]),
    ),
    routing: {
      default_tier: names.find((name) => name !== EMBEDDING_TIER),
      embeddings_tier: EMBEDDING_TIER,
      complexity: { method: "none" },
    },
    cache: WITHOUT_CACHE,
    prices: { version: "bench", models: Object.fromEntries(names.map((name) => [name, PRICE])) },
    tenants: { demo: {}, flood: {} },
    inference,
  });
}

async function produce(
  { codec, names }: CliContext,
  producer: BatchingProducer,
  count: number,
  spec: (index: number) => JobSpec,
): Promise<void> {
  for (let start = 0; start < count; start += CHUNK_RECORDS) {
    const length = Math.min(CHUNK_RECORDS, count - start);
    const now_ms = systemClock.now_ms();
    await producer.publish(Array.from({ length }, (_, at) => jobRecord(codec, names, spec(start + at), now_ms)));
  }
}

function outcomeReader({ kafka, names, codec }: CliContext, told: (outcome: Outcome) => void): TopicReader {
  return new TopicReader(kafka, {
    topic: names.outcomes,
    from: { kind: "beginning" },
    until_end: false,
    async records(records) {
      for (const record of records) {
        const hop = await readHop(codec, record, "response", outcomeHead.parse);
        if (!hop.ok) throw new Error(`an outcome cannot be read: ${hop.message}`);
        told({ head: hop.head, response: hop.carried });
      }
    },
  });
}
