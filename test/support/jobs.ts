/** What tests of jobs on a real pipeline share: batches by OpenAI's client, their files, and what the topics and the ledger say of a job. */
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { nusd } from "../../libs/shared/money.ts";
import { readEntries } from "./budgets.ts";
import { jsonOf, resultsById, TopicLog } from "./pipeline/topic-log.ts";
import type { Pipeline } from "./pipeline.ts";
import { until } from "./until.ts";

const ENDED = ["completed", "failed", "expired", "cancelled"];
const JOB_WAIT_MS = 280_000;

export type Batch = OpenAI.Batch & { readonly sluice: { readonly cost_usd: number } };

export type OutputLine = {
  readonly custom_id: string;
  readonly response: null | {
    readonly status_code: number;
    readonly body: { readonly choices?: readonly { readonly message: { readonly content: string } }[] };
    readonly sluice: { readonly cost_usd: number };
  };
  readonly error: null | { readonly code: string };
};

/** Without repeats of its own: tests that kill the gateway ask again themselves. */
export function openAi({ gateway_url }: Pipeline, apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${gateway_url}/v1`, apiKey, maxRetries: 0 });
}

function lineName(line: number): string {
  return `line-${line}`;
}

/** Each line asks for its own answer, `answer to line <n>`, whatever faults the mock has. @param directive further words for the mock. */
export async function startBatch(
  client: OpenAI,
  { lines, directive = "", window = "24h" }: { lines: number; directive?: string; window?: string },
): Promise<OpenAI.Batch> {
  const text = Array.from({ length: lines }, (_, line) => {
    const content = `[[mock fault=none answer=answer+to+line+${line} ${directive}]] What is line ${line}?`;
    const body = { model: "small", messages: [{ role: "user", content }], max_tokens: 50 };
    return JSON.stringify({ custom_id: lineName(line), method: "POST", url: "/v1/chat/completions", body });
  }).join("\n");
  const file = await client.files.create({ file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch" });
  const completion_window = window as "24h";
  return client.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window });
}

export function batchEnd(client: OpenAI, id: string): Promise<Batch> {
  return until(
    `the end of ${id}`,
    async () => {
      const batch = (await client.batches.retrieve(id)) as Batch;
      return ENDED.includes(batch.status) && batch;
    },
    JOB_WAIT_MS,
  );
}

/** Nothing where there is no such file. */
export async function outputLines(client: OpenAI, file_id: string | null | undefined): Promise<readonly OutputLine[]> {
  if (file_id == null) return [];
  const text = await (await client.files.content(file_id)).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as OutputLine);
}

/** Which lines of the input they are of, in their order. */
export function lineNumbers(lines: readonly OutputLine[]): number[] {
  return lines.map(({ custom_id }) => Number(custom_id.slice("line-".length)));
}

type Counter = {
  /** Results that the jobs of these ids have so far. */
  count(): number;
  /** Resolves when they have so many. */
  until(count: number): Promise<void>;
};

/** Counts the results of jobs as they come. */
export function countResults({ results }: Pipeline, jobs: readonly string[]): Counter {
  const ids = new Set<string>();
  let read = 0;
  const count = (): number => {
    const { records } = results;
    for (; read < records.length; read += 1) {
      const { id } = jsonOf(records[read] as (typeof records)[number]) as Result;
      if (jobs.some((job) => id.startsWith(`${job}.`))) ids.add(id);
    }
    return ids.size;
  };
  return {
    count,
    until: (wanted) =>
      results.until(
        () => count() >= wanted,
        () => `${wanted} results of ${jobs.join(" and ")} (${ids.size} came)`,
        JOB_WAIT_MS,
      ),
  };
}

type JobFigures = {
  readonly requests: number;
  readonly calls: number;
  /** Calls beyond one for each request. */
  readonly extra_calls: number;
  readonly settled_nusd: number;
};

export type Topics = {
  readonly results: ReadonlyMap<string, readonly Result[]>;
  readonly ledger: readonly UsageEntry[];
};

/** Everything that is there, as a stranger sees it who comes later. */
export async function readTopics(pipeline: Pipeline): Promise<Topics> {
  const [records, ledger] = await Promise.all([
    TopicLog.readAll(pipeline.kafka, pipeline.names.results),
    readEntries(pipeline),
  ]);
  return { results: resultsById(records), ledger };
}

/** What topics, model and ledger have of a job. Fails where a request has more than one result (I1). */
export async function figuresOf(
  pipeline: Pipeline,
  topics: Topics,
  job: string,
): Promise<JobFigures & { readonly results: readonly Result[] }> {
  const found = [...topics.results].filter(([id]) => id.startsWith(`${job}.`));
  const repeated = found.filter(([, results]) => results.length > 1).map(([id]) => id);
  assert.deepEqual(repeated.slice(0, 5), [], `${repeated.length} requests of ${job} have more than one result`);
  const called = (await pipeline.calls(1)).filter(({ id }) => id.startsWith(`${job}.`));
  const calls = called.reduce((sum, one) => sum + one.calls, 0);
  return {
    results: found.flatMap(([, results]) => results),
    requests: found.length,
    calls,
    extra_calls: calls - called.length,
    settled_nusd: settledOf(topics.ledger, job),
  };
}

/** By the ledger. */
export function settledOf(ledger: readonly UsageEntry[], job: string): number {
  return ledger
    .filter(({ id, kind }) => kind === "settled" && id.startsWith(`${job}.`))
    .reduce((sum, { settled_nusd }) => sum + settled_nusd, 0);
}

/** In nano-dollars, of what results say that they cost. */
export function costOf(lines: readonly OutputLine[]): number {
  return lines.reduce((sum, { response }) => sum + nusd(response?.sluice.cost_usd ?? 0), 0);
}
