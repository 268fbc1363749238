/** What goes wrong at the model, and what becomes of the request: other endpoints and keys, limits, rounds, cancels, what it cost. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { Result } from "../../libs/shared/events/flow.ts";
import { type MockLlm, startMockLlm } from "../../tools/mock-llm/server.ts";
import { leaks } from "../support/leaks.ts";
import { jsonOf, resultsById, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

const NAME = "failures";
const DELAY = "1s";
const ROUNDS_MAX = 2;
const ATTEMPTS_MAX = 2;
const REVOKED_KEY = "sk-e2e-revoked";
const GOOD_KEY = "sk-e2e-good";

const run = promisify(execFile);

describe("failures of the model", () => {
  let pipeline: Pipeline;
  let spare: MockLlm;
  let keyed: MockLlm;
  let retries: TopicLog;
  before(async () => {
    spare = await startMockLlm({ ttft_ms: 5 });
    keyed = await startMockLlm({ ttft_ms: 5, api_key: GOOD_KEY });
    const price = { input_usd_per_mtok: 1, output_usd_per_mtok: 2 };
    const settings = {
      topics: { partitions: 1, retry_delays: [DELAY] },
      inference: {
        attempts_max: ATTEMPTS_MAX,
        retry: { base_ms: 20, cap_ms: 5_000 },
        redelivery: { rounds_max: ROUNDS_MAX },
      },
      endpoints: {
        spare: { base_url_env: "SPARE_BASE_URL" },
        keyed: { base_url_env: "KEYED_BASE_URL", api_key_env: ["REVOKED_API_KEY", "GOOD_API_KEY"] },
      },
      tiers: {
        pair: { models: ["pair-model"], endpoint: ["default", "spare"], balancing: "round_robin" },
        keyed: { models: ["keyed-model"], endpoint: "keyed" },
      },
      prices: { models: { "pair-model": price, "keyed-model": price } },
    };
    const env = {
      SPARE_BASE_URL: `${spare.url}/v1`,
      KEYED_BASE_URL: `${keyed.url}/v1`,
      REVOKED_API_KEY: REVOKED_KEY,
      GOOD_API_KEY: GOOD_KEY,
    };
    pipeline = await startPipeline({ name: NAME, settings, env });
    retries = new TopicLog(pipeline.kafka, pipeline.names.retry(DELAY));
    await retries.start();
  });
  after(async () => {
    await retries?.stop();
    await pipeline?.stop();
    await Promise.all([spare?.close(), keyed?.close()]);
  });

  const idsOf = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => pipeline.id(`${name}-${index}`));
  const send = (tier: string, id: string, directive = ""): Promise<void> =>
    pipeline.produce([{ value: { tenant: "demo", id, tier, body: chat(`${directive} ${id}`, { max_tokens: 20 }) } }]);
  const resultOf = async (id: string): Promise<Result> => only(await pipeline.resultsOf([id]), id);
  async function ask(tier: string, id: string, directive?: string): Promise<Result> {
    await send(tier, id, directive);
    return resultOf(id);
  }
  /** One after the other, so that turns are taken by the book. */
  async function askAll(tier: string, ids: readonly string[]): Promise<Result[]> {
    const results: Result[] = [];
    for (const id of ids) results.push(await ask(tier, id));
    return results;
  }
  const statusesOf = (results: readonly Result[]): Set<string> => new Set(results.map(({ status }) => status));
  const endpointsOf = (results: readonly Result[]): Set<unknown> =>
    new Set(results.map(({ route }) => route?.endpoint));
  const callsOf = async (id: string): Promise<number> =>
    (await pipeline.calls(1)).find((one) => one.id === id)?.calls ?? 0;
  const refusals = async (): Promise<number> => (await pipeline.mockStats()).by_status["429"] ?? 0;
  const retriesOf = (id: string) => retries.records.filter((record) => (jsonOf(record) as { id: string }).id === id);
  async function post(path: string, body: object = {}, key = pipeline.api_key) {
    const response = await fetch(`${pipeline.gateway_url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  describe("a tier with two endpoints", () => {
    test("uses both while both are well", async () => {
      const results = await askAll("pair", idsOf("both", 4));
      assert.deepEqual(statusesOf(results), new Set(["succeeded"]));
      assert.deepEqual(endpointsOf(results), new Set(["default", "spare"]));
    });

    test("goes on with one while the other answers 500", async () => {
      const body = JSON.stringify({ fault_rate: 1, faults: [500] });
      assert.equal((await fetch(`${spare.url}/mock/faults`, { method: "POST", body })).status, 200);
      const results = await askAll("pair", idsOf("sick", 10));
      assert.deepEqual(statusesOf(results), new Set(["succeeded"]));
      assert.deepEqual(endpointsOf(results), new Set(["default"]));
      assert.ok((spare.stats().by_status["500"] ?? 0) > 0, "it was tried");
      assert.ok(results.some(({ route }) => route?.attempts === 2));
    });

    test("goes on with one while the other is gone", async () => {
      await spare.close();
      const results = await askAll("pair", idsOf("gone", 6));
      assert.deepEqual(statusesOf(results), new Set(["succeeded"]));
      assert.deepEqual(endpointsOf(results), new Set(["default"]));
      assert.equal(retries.records.length, 0, "no request had to wait for another round");
    });
  });

  test("a key that is refused gives way to the endpoint's next one, and is not tried again", async () => {
    const refused = (): number => keyed.stats().by_status["401"] ?? 0;
    const known = refused();
    const results = await askAll("keyed", idsOf("keys", 5));
    assert.deepEqual(statusesOf(results), new Set(["succeeded"]));
    assert.deepEqual(
      results.map(({ route }) => route?.attempts),
      [2, 1, 1, 1, 1],
    );
    assert.equal(refused() - known, 1);
  });

  describe("a 429 with Retry-After", () => {
    const RETRY_AFTER_MS = 3_000;

    test("is obeyed by the request and by those behind it, and their results tell the wait", async () => {
      const [first, next] = idsOf("limited", 2) as [string, string];
      const known = await refusals();
      await send("small", first, `[[mock fault=429:1 retry_after_ms=${RETRY_AFTER_MS}]]`);
      await until("the provider refuses", async () => (await refusals()) > known);
      const behind = await ask("small", next);
      const limited = await resultOf(first);
      assert.deepEqual([limited.status, limited.route?.attempts], ["succeeded", 2]);
      assert.deepEqual([behind.status, behind.route?.attempts], ["succeeded", 1]);
      const from_ms = (limited.timing.dispatched ?? 0) + RETRY_AFTER_MS;
      assert.ok((limited.timing.completed ?? 0) >= from_ms);
      assert.ok((behind.timing.dispatched ?? 0) >= from_ms, "nothing was sent meanwhile");
      for (const { timing } of [limited, behind]) assert.ok((timing.waited_ms?.["limit"] ?? 0) > 0);
      assert.equal(await refusals(), known + 1);
    });
  });

  describe("a request that goes on failing", () => {
    test("takes rounds through the retry topic, and succeeds once the fault is over", async () => {
      const id = pipeline.id("healed");
      const result = await ask("small", id, "[[mock fault=500:3]]");
      assert.deepEqual([result.status, result.route?.attempts], ["succeeded", 4]);
      assert.equal(await callsOf(id), 4);
      const rounds = retriesOf(id);
      assert.deepEqual(
        rounds.map(({ headers }) => [headers["sluice-round"], headers["sluice-error-code"]]),
        [["1", "provider_error"]],
      );
      const due_ms = Number(rounds[0]?.headers["sluice-due-ms"]);
      assert.ok((result.timing.completed ?? 0) >= due_ms, "not before it was due");
      assert.equal(pipeline.dlq.records.length, 0);
    });

    test("ends failed after the last round, and is kept as a dead letter", async () => {
      const id = pipeline.id("lost");
      const result = await ask("small", id, "[[mock fault=500]]");
      assert.deepEqual([result.status, result.error?.code], ["failed", "provider_error"]);
      assert.equal(await callsOf(id), ATTEMPTS_MAX * (ROUNDS_MAX + 1));
      assert.equal(retriesOf(id).length, ROUNDS_MAX);
      const [letter, ...others] = await pipeline.deadLetters(1);
      assert.deepEqual(others, []);
      assert.equal(letter?.headers["sluice-error-code"], "provider_error");
      assert.equal(letter?.headers["kafka_dlt-original-topic"], pipeline.names.jobs("small"));
      assert.equal((letter && (jsonOf(letter) as { id: string }).id) ?? "", id);
    });

    test("that the provider refuses for what is in it fails at once, and nobody has to look at it", async () => {
      const id = pipeline.id("refused");
      const known = pipeline.dlq.records.length;
      const result = await ask("small", id, "[[mock fault=400]]");
      assert.deepEqual([result.status, result.error?.code], ["failed", "provider_rejected"]);
      assert.equal(await callsOf(id), 1);
      assert.equal(retriesOf(id).length, 0);
      await pipeline.settled();
      assert.equal(pipeline.dlq.records.length, known);
    });
  });

  describe("a cancel", () => {
    async function submit(tier: string, id: string, directive: string): Promise<void> {
      const request = { id, tier, body: chat(`${directive} ${id}`) };
      assert.equal((await post("/v1/requests", request)).status, 202);
    }
    async function cancelled(id: string): Promise<Result> {
      assert.equal((await post(`/v1/requests/${id}/cancel`)).status, 202);
      const result = await resultOf(id);
      assert.deepEqual([result.status, result.error?.code], ["cancelled", "cancelled"]);
      return result;
    }

    test("of a request that is being called ends the call", async () => {
      const id = pipeline.id("called");
      const { aborted } = await pipeline.mockStats();
      await submit("small", id, "[[mock latency_ms=600000]]");
      await until("it is called", async () => (await callsOf(id)) === 1);
      await cancelled(id);
      await until("the model sees the client leave", async () => (await pipeline.mockStats()).aborted > aborted);
      assert.equal(await callsOf(id), 1);
    });

    test("of a request that waits for a limit ends the wait", async () => {
      const id = pipeline.id("waiting");
      const known = await refusals();
      await submit("large", id, "[[mock fault=429 retry_after_ms=600000]]");
      await until("the provider refuses", async () => (await refusals()) > known);
      const result = await cancelled(id);
      assert.ok((result.timing.waited_ms?.["limit"] ?? 0) > 0);
      assert.equal(await callsOf(id), 1);
    });

    test("of what nobody knows, or of another tenant's request, is answered like a look at it: 404", async () => {
      const id = pipeline.id("theirs");
      const other = await pipeline.createKey("other");
      assert.equal((await ask("small", id)).status, "succeeded");
      await until("the key is known", async () => (await post("/v1/requests", {}, other)).status !== 401);
      for (const [path, key] of [
        [pipeline.id("nobody"), pipeline.api_key],
        ["no such id", pipeline.api_key],
        [id, other],
      ] as const) {
        const reply = await post(`/v1/requests/${encodeURIComponent(path)}/cancel`, {}, key);
        assert.equal(reply.status, 404);
        const error = reply.body["error"] as { code: string; param: string };
        assert.deepEqual([error.code, error.param], ["not_found", "id"]);
      }
    });
  });

  describe("sluice cost", () => {
    type Spend = { tenant: string; tier: string; model: string; requests: number; cost_usd: number };
    type Report = { spend: Spend[]; unknown: { tenant: string; calls: number; duplicate_usd: number }[] };
    const sluice = async (...args: readonly string[]): Promise<string> => {
      const options = { env: { ...pipeline.env }, cwd: ROOT };
      return (await run(process.execPath, [join(ROOT, "cli/sluice.ts"), "cost", ...args], options)).stdout;
    };

    test("shows what the results say, and what a lost answer may have cost once more", async () => {
      const lost = await ask("small", pipeline.id("reset"), "[[mock fault=reset:1]]");
      assert.deepEqual([lost.status, lost.route?.attempts], ["succeeded", 2]);
      await pipeline.settled();
      const { spend, unknown } = JSON.parse(await sluice("--tenant", "demo", "--json")) as Report;
      const charged = new Map<string, { requests: number; cost_usd: number }>();
      for (const result of [...resultsById(pipeline.results.records).values()].flat()) {
        const { route, usage } = result;
        if (route === undefined || usage === undefined) continue;
        const key = `${result.tenant} ${route.tier} ${route.model}`;
        const known = charged.get(key) ?? { requests: 0, cost_usd: 0 };
        charged.set(key, { requests: known.requests + 1, cost_usd: known.cost_usd + usage.cost_usd });
      }
      const rounded = ({ requests, cost_usd }: { requests: number; cost_usd: number }) => [
        requests,
        cost_usd.toFixed(9),
      ];
      assert.deepEqual(
        new Map(spend.map((one) => [`${one.tenant} ${one.tier} ${one.model}`, rounded(one)])),
        new Map([...charged].map(([key, one]) => [key, rounded(one)])),
      );
      assert.deepEqual(
        new Set(spend.map(({ tier }) => tier)),
        new Set(["small", "pair", "keyed"]),
        "where something was spent",
      );
      assert.deepEqual(
        unknown.map(({ tenant, calls, duplicate_usd }) => [tenant, calls, duplicate_usd.toFixed(9)]),
        [["demo", 2, lost.usage?.cost_usd.toFixed(9)]],
        "the call that was cut, and the one that was cancelled under way above: that one was not made again",
      );
      assert.match(await sluice("--tenant", "demo"), /total \$[\d.]+; 2 calls' answers were lost/);
    });
  });

  test("no log holds a prompt, an answer or a key", () => {
    assert.deepEqual(leaks(pipeline, NAME), []);
    for (const process of pipeline.processes.names()) {
      for (const key of [REVOKED_KEY, GOOD_KEY]) assert.ok(!pipeline.log(process).includes(key), process);
    }
  });
});
