/** Requests that share a call: embeddings in micro-batches, and the batch lane through the provider's Batch API. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import { embed, encodeVector } from "../../tools/mock-llm/embeddings.ts";
import { countTokens } from "../../tools/mock-llm/tokens.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import { answerOf } from "../support/token-streams.ts";
import { until } from "../support/until.ts";

const DIMENSIONS = 16;
const MOCK_SEED = 1;
/** How long the call is under way behind which the others gather. */
const OPENER_MS = 2_000;
const USD_PER_TOKEN = 0.02 / 1_000_000;

type Item = { readonly id: string; readonly input: string | readonly string[] };

describe("requests that share a call", () => {
  let pipeline: Pipeline;
  before(async () => {
    const settings = {
      // Calls are shared within a partition.
      topics: { partitions: 1 },
      inference: { retry: { base_ms: 20, cap_ms: 200 }, ledger: { alive_ttl_ms: 1_000 } },
      tiers: {
        embedding: { batching: { wait_ms: 500 } },
        small: { batch_api: { enabled: true, wait_ms: 500, poll_ms: 100 } },
      },
    };
    const mock_args = ["--ttft-ms", "5", "--dimensions", String(DIMENSIONS), "--seed", String(MOCK_SEED)];
    pipeline = await startPipeline({ name: "batches", settings, mock_args });
  });
  after(() => pipeline?.stop());

  const idsOf = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => pipeline.id(`${name}-${index}`));
  const resultOf = async (id: string): Promise<Result> => only(await pipeline.resultsOf([id]), id);

  describe("embeddings", () => {
    const callsMade = async (): Promise<number> => (await pipeline.mockStats()).by_path["/v1/embeddings"] ?? 0;

    /** Sends the items while another call is under way. Returns the calls that were made for them. */
    async function sendTogether(name: string, items: readonly Item[]): Promise<[Map<string, Result[]>, number]> {
      const opener = pipeline.id(`${name}-opener`);
      const before = await callsMade();
      const request = ({ id, input }: Item) => ({ value: { tenant: "demo", id, body: { input } } });
      await pipeline.produce([request({ id: opener, input: `[[mock latency_ms=${OPENER_MS}]] ${name}` })]);
      await until("a call is under way", async () => (await callsMade()) > before);
      await pipeline.produce(items.map(request));
      const results = await pipeline.resultsOf([opener, ...items.map(({ id }) => id)]);
      return [results, (await callsMade()) - before - 1];
    }

    /** As JSON has it, which knows no -0. */
    const vectorOf = (text: string): number[] =>
      (encodeVector(embed(text, DIMENSIONS, MOCK_SEED), "float") as number[]).map((value) => value + 0);

    /** Its own vectors in the order of its inputs, and the usage that it would have alone. */
    function assertOwnAnswer(result: Result, { id, input }: Item): void {
      const inputs = [input].flat();
      assert.equal(result.status, "succeeded", id);
      const data = result.response?.["data"] as { index: number; embedding: number[] }[];
      assert.deepEqual(
        data.map(({ index, embedding }) => [index, embedding]),
        inputs.map((text, index) => [index, vectorOf(text)]),
      );
      const tokens = inputs.reduce((sum, text) => sum + countTokens(text), 0);
      assert.deepEqual([result.usage?.prompt_tokens, result.usage?.estimated], [tokens, false]);
      assert.equal(result.usage?.cost_usd.toFixed(12), (tokens * USD_PER_TOKEN).toFixed(12));
    }

    /** Of whole tokens, so that what each one has of a shared call is what it would have alone. */
    const textOf = (name: string): string => name.padEnd(4 * Math.ceil((name.length + 1) / 4), ".");

    test("leave as fewer calls than requests, and each has its own vectors and usage", async () => {
      const items = idsOf("embed", 12).map((id, index) => ({
        id,
        input:
          index % 3 === 0
            ? textOf(`alone ${index}`)
            : Array.from({ length: index }, (_, part) => textOf(`text ${index} part ${part}`.repeat(part + 1))),
      }));
      const [results, calls] = await sendTogether("embed", items);
      assert.ok(calls >= 1 && calls < items.length, `${calls} calls`);
      for (const item of items) assertOwnAnswer(only(results, item.id), item);
      const waits = items.map(({ id }) => only(results, id).timing.waited_ms?.["batch"] ?? 0);
      assert.ok(
        waits.some((wait_ms) => wait_ms > 0),
        "the wait for the others is told",
      );
    });

    test("one that the provider refuses fails alone, and the others succeed in fewer calls than one each", async () => {
      const items = idsOf("spoiled", 12).map((id, index) => ({ id, input: textOf(`neighbour ${index}`) }));
      const bad: Item = { id: pipeline.id("spoiled-bad"), input: ["as good as any", "[[mock fault=400]]"] };
      const [results, calls] = await sendTogether("spoiled", [...items.slice(0, 7), bad, ...items.slice(7)]);
      const refused = only(results, bad.id);
      assert.deepEqual([refused.status, refused.error?.code], ["failed", "provider_rejected"]);
      assert.match(refused.error?.message ?? "", /refused/);
      for (const item of items) assertOwnAnswer(only(results, item.id), item);
      assert.ok(calls < items.length, `${calls} calls`);
      assert.equal(pipeline.dlq.records.length, 0);
    });
  });

  describe("the batch lane through the Batch API", () => {
    const body = (id: string, directive = ""): object => chat(`${directive} tell me of ${id}`, { max_tokens: 30 });
    const batched = (id: string, directive?: string, more: object = {}) => ({
      value: { tenant: "demo", id, lane: "batch", body: body(id, directive), ...more },
    });
    const directCalls = async (ids: readonly string[]): Promise<Map<string, number>> =>
      new Map((await pipeline.calls(1)).flatMap(({ id, calls }) => (ids.includes(id) ? [[id, calls] as const] : [])));

    /** By the tier's prices: 0.40 and 1.60 US dollars per million tokens. */
    function fullPrice({ usage }: Result): number {
      assert.ok(usage !== undefined && !usage.estimated);
      return (usage.prompt_tokens * 0.4 + usage.completion_tokens * 1.6) / 1_000_000;
    }
    function assertPaid(result: Result, part: number): void {
      assert.equal(result.usage?.cost_usd.toFixed(12), (part * fullPrice(result)).toFixed(12), result.id);
    }

    test("requests go as one file, are answered like direct ones, and cost half", async () => {
      const ids = idsOf("half", 6);
      const before = await pipeline.mockStats();
      await pipeline.produce(ids.map((id) => batched(id)));
      const results = await pipeline.resultsOf(ids);
      const { batches, batch_calls } = await pipeline.mockStats();
      assert.equal(batch_calls - before.batch_calls, ids.length);
      assert.ok(batches - before.batches < ids.length);
      assert.deepEqual(await directCalls(ids), new Map());
      for (const id of ids) {
        const result = only(results, id);
        assert.deepEqual([result.status, result.route?.attempts], ["succeeded", 1]);
        assertPaid(result, 0.5);
      }
      const [first = ""] = ids;
      const twin = pipeline.id("half-twin");
      await pipeline.produce([{ value: { tenant: "demo", id: twin, body: body(first) } }]);
      const direct = await resultOf(twin);
      assertPaid(direct, 1);
      assert.deepEqual(answerOf(only(results, first)), answerOf(direct));
    });

    test("what the batch did not come to before it expired is called directly, at the full price", async () => {
      const ids = idsOf("expired", 8);
      const before = await pipeline.mockStats();
      await pipeline.setMock({ batch_expire_after: 0.5 });
      await pipeline.produce(ids.map((id) => batched(id)));
      const results = await pipeline.resultsOf(ids);
      await pipeline.setMock({ batch_expire_after: null });
      const { batch_calls } = await pipeline.mockStats();
      const direct = await directCalls(ids);
      assert.ok(direct.size > 0 && direct.size < ids.length, `${direct.size} direct calls`);
      assert.equal(batch_calls - before.batch_calls + direct.size, ids.length, "nothing was called twice");
      for (const id of ids) {
        const result = only(results, id);
        assert.equal(result.status, "succeeded");
        assertPaid(result, direct.has(id) ? 1 : 0.5);
      }
    });

    test("a line that is spoiled, failed or timed out is called directly, one that is refused is not", async () => {
      const [garbage, failed, refused, good] = idsOf("lines", 4) as [string, string, string, string];
      const lines = [
        batched(garbage, "[[mock fault=garbage:1]]"),
        batched(failed, "[[mock fault=500:1]]"),
        batched(refused, "[[mock fault=400]]"),
        batched(good),
      ];
      await pipeline.produce(lines);
      const ids = [garbage, failed, refused, good];
      const results = await pipeline.resultsOf(ids);
      for (const id of [garbage, failed]) {
        assert.equal(only(results, id).status, "succeeded");
        assertPaid(only(results, id), 1);
      }
      const { status, error } = only(results, refused);
      assert.deepEqual([status, error?.code], ["failed", "provider_rejected"]);
      assertPaid(only(results, good), 0.5);
      // Direct calls fail once by the same directive.
      assert.deepEqual(
        await directCalls(ids),
        new Map([
          [garbage, 2],
          [failed, 2],
        ]),
      );
    });

    test("a request with too little time for a batch is called directly", async () => {
      const id = pipeline.id("hurried");
      const before = await pipeline.mockStats();
      await pipeline.produce([batched(id, "", { deadline: new Date(Date.now() + 3_600_000).toISOString() })]);
      const result = await resultOf(id);
      assertPaid(result, 1);
      assert.equal((await pipeline.mockStats()).batch_calls, before.batch_calls);
    });

    test("a worker that dies leaves its batch at the provider, and the next one waits for the same", async () => {
      const ids = idsOf("killed", 3);
      const before = await pipeline.mockStats();
      await pipeline.setMock({ batch_latency_ms: 4_000 });
      await pipeline.produce(ids.map((id) => batched(id)));
      await until("a batch is made", async () => (await pipeline.mockStats()).batches > before.batches);
      await until("its lines are run", async () => (await pipeline.mockStats()).batch_calls > before.batch_calls);
      await pipeline.processes.restart("inference", "SIGKILL");
      const results = await pipeline.resultsOf(ids);
      await pipeline.setMock({ batch_latency_ms: 200 });
      for (const id of ids) assertPaid(only(results, id), 0.5);
      const { batch_calls } = await pipeline.mockStats();
      assert.equal(batch_calls - before.batch_calls, ids.length, "no line was sent again");
      assert.deepEqual(await directCalls(ids), new Map());
    });

    test("a batch for which nobody waits any more is cancelled at the provider", async () => {
      const id = pipeline.id("unwanted");
      const before = await pipeline.mockStats();
      const post = (path: string, value: object): Promise<Response> =>
        fetch(`${pipeline.gateway_url}${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
          body: JSON.stringify(value),
        });
      await pipeline.setMock({ batch_latency_ms: 600_000 });
      assert.equal((await post("/v1/requests", { id, lane: "batch", body: body(id) })).status, 202);
      await until("a batch is made", async () => (await pipeline.mockStats()).batches > before.batches);
      assert.equal((await post(`/v1/requests/${id}/cancel`, {})).status, 202);
      const result = await resultOf(id);
      assert.deepEqual([result.status, result.error?.code], ["cancelled", "cancelled"]);
      await until("the provider was told", async () => {
        const response = await fetch(`${pipeline.mock_url}/v1/batches`);
        const { data } = (await response.json()) as { data: { status: string }[] };
        return data.filter(({ status }) => status === "cancelled").length === 1;
      });
    });
  });
});
