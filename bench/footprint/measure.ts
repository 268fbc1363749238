/** Loads of three sizes, and what each leaves in every store. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import pg from "pg";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { sample } from "../support/processes.ts";
import type { BenchStack } from "../support/stack.ts";
import { topicClient } from "../support/topic-client.ts";
import { type Footprint, footprintOf, type Stored } from "./footprint.ts";

/** Tokens in and out, four characters each. */
const SHORT = { tokens_in: 50, tokens_out: 50 };
const LONG_PROMPTS = { tokens_in: 1_050, tokens_out: 50 };
const LONG_ANSWERS = { tokens_in: 50, tokens_out: 1_050 };
const WARM_UP_REQUESTS = 2_000;
/** The offsets of what is done, and counters that are written behind. */
const SETTLE_MS = 3_000;

type Load = { readonly requests: number; readonly in_flight: number };
type Size = typeof SHORT;

export async function measure(stack: BenchStack, load: Load): Promise<Footprint> {
  const client = await topicClient(stack.parts.urls.kafka, "llm.requests", "llm.results");
  const run = async (requests: number, size: Size): Promise<void> => {
    let asked = 0;
    const worker = async (): Promise<void> => {
      for (; asked < requests; ) {
        asked += 1;
        const id = `footprint-${asked}-${Math.round(performance.now() * 1_000)}`;
        const { value } = await client.ask(id, bodyOf(id, size));
        if (!value?.includes('"status":"succeeded"')) throw new Error(`${id} did not succeed`);
      }
    };
    await Promise.all(Array.from({ length: load.in_flight }, worker));
    await after(SETTLE_MS);
  };
  try {
    await run(WARM_UP_REQUESTS, SHORT);
    const sampler = sample(stack.processes());
    const loads: { size: Size; before: Stored; after: Stored }[] = [];
    let cpu_ms: Map<string, number> | undefined;
    for (const size of [SHORT, LONG_PROMPTS, LONG_ANSWERS]) {
      const before = await storedIn(stack);
      await run(load.requests, size);
      cpu_ms ??= new Map([...sampler.stop()].map(([name, used]) => [name, used.cpu_ms]));
      loads.push({ size, before, after: await storedIn(stack) });
    }
    return footprintOf(load.requests, loads, cpu_ms ?? new Map());
  } finally {
    await client.close();
  }
}

/** Words of a language of its own, which compress as prose does; each request says something else. */
const WORDS = Array.from({ length: 2_000 }, (_, at) => word(at));

function word(seed: number): string {
  const syllables = [
    "ka",
    "to",
    "ri",
    "mel",
    "sun",
    "ver",
    "da",
    "lo",
    "pin",
    "est",
    "ar",
    "ne",
    "gu",
    "bri",
    "fo",
    "shi",
  ];
  let text = "";
  for (let left = seed + 17; left > 0; left = Math.floor(left / 16)) text += syllables[left % 16];
  return text;
}

function bodyOf(id: string, { tokens_in, tokens_out }: Size): Buffer {
  const said = `[[mock tokens=${tokens_out}]] ${id}`;
  let text = said;
  // Frequent words are frequent, as in prose.
  while (text.length < tokens_in * 4) text += ` ${WORDS[Math.floor(WORDS.length * Math.random() ** 3)]}`;
  const body = { messages: [{ role: "user", content: text.slice(0, Math.max(said.length, tokens_in * 4)) }] };
  return Buffer.from(JSON.stringify({ tenant: "demo", id, body }));
}

async function storedIn(stack: BenchStack): Promise<Stored> {
  const [redis_bytes, postgres_bytes] = await Promise.all([redisBytes(stack), postgresBytes(stack)]);
  return { topics: topicBytes(join(stack.parts.home.data, "kafka", "log")), redis_bytes, postgres_bytes };
}

/** The segments' files, by topic. Indexes are made ahead of what they hold, and are left out. */
function topicBytes(folder: string): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    // A request goes to one tier: by its length, among others.
    const topic = /^(llm\..+)-\d+$/.exec(name)?.[1]?.replace(/^llm\.jobs\..+/, "llm.jobs.*");
    if (topic === undefined) continue;
    const files = readdirSync(join(folder, name)).filter((file) => file.endsWith(".log"));
    const size = files.reduce((sum, file) => sum + statSync(join(folder, name, file)).size, 0);
    bytes.set(topic, (bytes.get(topic) ?? 0) + size);
  }
  return bytes;
}

async function redisBytes({ parts }: BenchStack): Promise<number> {
  const redis = connectRedis(parts.urls.redis, "bench", silentLog, "");
  try {
    await redisReady(redis, 5_000);
    return Number(/used_memory_dataset:(\d+)/.exec(await redis.info("memory"))?.[1]);
  } finally {
    redis.disconnect();
  }
}

async function postgresBytes({ parts }: BenchStack): Promise<number> {
  const client = new pg.Client(parts.urls.postgres);
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>("SELECT pg_database_size(current_database()) AS bytes");
    return Number(rows[0]?.bytes);
  } finally {
    await client.end();
  }
}
