/** Scenarios in which the router, its cache or Redis is what is wrong. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Pipeline } from "../../../test/support/pipeline.ts";
import { type AdviceScenario, chat, cli } from "../scenario.ts";
import { startSlowProxy } from "../slow-proxy.ts";

const WORDS =
  "river stone lamp winter garden engine paper signal mirror harbour copper ladder meadow circuit violin anchor".split(
    " ",
  );

/** No two alike, and about as many words as the model reads. */
function longText(index: number): string {
  return Array.from({ length: 250 }, (_, at) => WORDS[(index * 7 + at * (1 + (index % 13))) % WORDS.length])
    .join(" ")
    .concat(` ${index}`);
}

export const cpuBoundRouter: AdviceScenario = {
  name: "cpu-bound-router",
  what: "long texts for the semantic cache, and one thread that embeds them",
  expected: { stage: "router", what: "cpu_bound" },
  rate_per_s: 80,
  record: (id, index) => chat(id, longText(index)),
  prepare: () => ({
    options: {
      mock_args: ["--latency-ms", "20"],
      settings: {
        cache: {
          semantic: {
            enabled: true,
            text_chars_max: 4_000,
            embedding: { workers: 1, timeout_ms: 60_000, waiting_max: 10_000 },
            checks: { sample_ratio: 0 },
          },
        },
      },
    },
  }),
};

const QUESTIONS = 3_000;
const BEFORE = 1_500;

export const coldCache: AdviceScenario = {
  name: "cold-cache",
  what: "a cache that answered everything was purged; the model does 4 calls at once, 100 ms each",
  expected: { stage: "router", what: "cold_cache" },
  rate_per_s: 80,
  settle_ms: 3_000,
  record: (id, index) => chat(id, questionOf(index)),
  prepare: () => ({
    options: {
      mock_args: ["--latency-ms", "100"],
      settings: {
        tiers: { small: { in_flight_max: 4 } },
        cache: { exact: { enabled: true, local_entries_max: 1 }, semantic: { enabled: false } },
      },
    },
    before: warmedAndPurged,
  }),
};

/** Spread, so that a question comes again late. */
function questionOf(index: number): string {
  return `What is the price of article ${(index * 1_009) % QUESTIONS}?`;
}

async function warmedAndPurged(pipeline: Pipeline): Promise<void> {
  const file = join(pipeline.env["SLUICE_SETTINGS"] ?? "", "..", "faq.jsonl");
  const lines = Array.from({ length: QUESTIONS }, (_, index) =>
    JSON.stringify({ prompt: questionOf(index), answer: "Nine." }),
  );
  writeFileSync(file, lines.join("\n"));
  await cli(["cache", "warm", "--tenant", "demo", "--file", file, "--json"], pipeline.env);
  const ids = Array.from({ length: BEFORE }, (_, index) => pipeline.id(`before-${index}`));
  await pipeline.produce(ids.map((id, index) => chat(id, questionOf(index))));
  await pipeline.resultsOf(ids);
  await cli(["cache", "purge", "--tenant", "demo", "--yes", "--json"], pipeline.env);
}

/** There and back. */
const REDIS_MS = 150;

export const slowRedis: AdviceScenario = {
  name: "slow-redis",
  what: "Redis is 300 ms away",
  expected: { stage: "ingest", what: "dependency_slow" },
  rate_per_s: 80,
  record: (id, index) => chat(id, `What is record ${index}?`),
  async prepare(parts) {
    const proxy = await startSlowProxy(parts["REDIS_URL"] ?? "", REDIS_MS);
    return {
      parts: { ...parts, REDIS_URL: proxy.url },
      options: {
        mock_args: ["--latency-ms", "20"],
        settings: { consumption: { batch_records_max: 8, drain_deadline_ms: 1_000 } },
      },
      stop: () => proxy.stop(),
    };
  },
};
