/** What the fault tests share: a steady load, a seed, the check that nothing is lost or doubled, and the figures at the end. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Random } from "../../tools/simulate/random.ts";
import { resultsById, TopicLog } from "./pipeline/topic-log.ts";
import type { Pipeline } from "./pipeline.ts";
import { chat, only } from "./requests.ts";
import { until } from "./until.ts";

/** `npm run faults` asks for the full size; `npm test` runs a short form. */
export const FULL = process.env["SLUICE_TEST_SIZE"] === "full";
const SEED = Number(process.env["SLUICE_TEST_SEED"] ?? 1);
export const random = new Random(SEED);

/** Requests produced and not answered yet, at the most: enough that a fault always meets work in flight. */
export const OUTSTANDING_MAX = 100;
const CHUNK = 20;
/** Every so many requests one comes through the gateway. */
const HTTP_EVERY = 10;

export type Load = {
  /** Of those sent so far. */
  readonly ids: readonly string[];
  /** Resolves when this many of its requests have a Result. */
  answered(count: number): Promise<void>;
  /** Resolves when the model is at work on some of its requests, or all are answered. */
  atWork(): Promise<void>;
  /** Resolves when all have. */
  readonly done: Promise<void>;
};

/**
 * Keeps requests in flight until `count` are answered, and until `goesOn` says no: for steps that need work in flight, however long
 * they take. Some go through the gateway, where it runs.
 */
export function startLoad(pipeline: Pipeline, name: string, count: number, goesOn = () => false): Load {
  const ids: string[] = [];
  const own = new Set<string>();
  let seen = 0;
  let read = 0;
  const answeredOf = new Set<string>();
  const progress = (): number => {
    const { records } = pipeline.results;
    for (; read < records.length; read += 1) {
      for (const [id] of resultsById(records.slice(read, read + 1))) if (own.has(id)) answeredOf.add(id);
    }
    seen = answeredOf.size;
    return seen;
  };
  const answered = (wanted: number): Promise<void> =>
    pipeline.results.until(
      () => progress() >= wanted,
      () => `${wanted - seen} of ${wanted} results (${seen} came)`,
      300_000,
    );
  const run = async (): Promise<void> => {
    while (ids.length < count || goesOn()) {
      await answered(Math.max(0, ids.length - OUTSTANDING_MAX));
      const chunk = Array.from({ length: CHUNK }, (_, index) => pipeline.id(`${name}-${ids.length + index}`));
      ids.push(...chunk);
      for (const id of chunk) own.add(id);
      const byHttp = pipeline.gateway_url === "" ? [] : chunk.filter((_, index) => index % HTTP_EVERY === 0);
      const byTopic = chunk.filter((id) => !byHttp.includes(id));
      await Promise.all([
        pipeline.produce(byTopic.map((id) => ({ key: id, value: { ...requestOf(id), tenant: "demo" } }))),
        ...byHttp.map((id) => submit(pipeline, id)),
      ]);
    }
    await answered(ids.length);
  };
  const done = run();
  // Awaited later; until then a failure must not end the process.
  done.catch(() => undefined);
  const atWork = async (): Promise<void> => {
    await until(
      "calls are in flight",
      async () => progress() >= Math.max(count, ids.length) || (await pipeline.mockStats()).concurrency > 0,
    );
  };
  return { ids, answered, atWork, done };
}

function requestOf(id: string): { id: string; body: Record<string, unknown> } {
  return { id, body: chat(`request ${id}`) };
}

/** As a careful caller does: the same request again until it is accepted. */
async function submit(pipeline: Pipeline, id: string): Promise<void> {
  await until(`the gateway takes ${id}`, async () => {
    const response = await fetch(`${pipeline.gateway_url}/v1/requests`, {
      method: "POST",
      headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
      body: JSON.stringify(requestOf(id)),
      signal: AbortSignal.timeout(30_000),
    });
    await response.body?.cancel();
    return response.status === 202;
  });
}

/** In another order, by the seed. */
export function shuffled<T>(members: readonly T[]): T[] {
  const keyed = members.map((member) => ({ member, order: random.next() }));
  return keyed.sort((left, right) => left.order - right.order).map(({ member }) => member);
}

/** Checks I1 over everything that the pipeline was given, and prints the figures. */
export async function verify(
  t: TestContext,
  pipeline: Pipeline,
  ids: readonly string[],
  seen: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await pipeline.settled();
  // A reader of its own: what a stranger sees who comes later.
  const records = await TopicLog.readAll(pipeline.kafka, pipeline.names.results);
  const results = resultsById(records);
  const missing = ids.filter((id) => !results.has(id));
  const repeated = [...results].filter(([, found]) => found.length > 1);
  const rows = await pipeline.rows();
  const calls = await pipeline.calls(1);
  const extra_calls = calls.reduce((sum, one) => sum + one.calls - 1, 0);
  const dead_letters = pipeline.dlq.records.length;
  const figures = { requests: ids.length, results: records.length, rows, dead_letters, extra_calls, ...seen };
  t.diagnostic(`${JSON.stringify(figures)}, seed ${SEED}`);
  assert.deepEqual(missing.slice(0, 5), [], `${missing.length} requests have no result`);
  assert.deepEqual(
    repeated.slice(0, 5).map(([id]) => id),
    [],
    `${repeated.length} requests have more than one result`,
  );
  for (const id of ids) assert.equal(only(results, id).status, "succeeded", id);
  assert.equal(results.size, ids.length);
  assert.equal(rows, ids.length);
  assert.equal(dead_letters, 0);
  assert.equal(calls.length, ids.length);
}
