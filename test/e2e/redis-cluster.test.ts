/** A whole pipeline on a Redis Cluster of three masters. One of them is killed under work and comes back: nothing is lost, budgets hold. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import type { ResultStatus } from "../../libs/shared/events/fields.ts";
import { type OpenCounters, openCounters } from "../support/budgets.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { type ClusterNode, startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

type Completion = { readonly choices: readonly { readonly message: { readonly content: string } }[] };

const TOKENS = 10;
const TOKEN_NUSD = 1_000;
const COST_USD = (TOKENS * TOKEN_NUSD) / 1e9;
/** Of so many requests of a tenant, its day has room for `FIT`. */
const ASKED = 20;
const FIT = 12;
const TENANTS = ["ant", "bee", "cat", "dog", "elk", "fox"];

describe("on a Redis Cluster", () => {
  let cluster: TestCluster;
  let pipeline: Pipeline;
  let counters: OpenCounters;
  before(async () => {
    cluster = await startRedisCluster();
    const { KAFKA_BROKERS = "", SCHEMA_REGISTRY_URL = "", DATABASE_URL = "" } = process.env;
    const price = { input_usd_per_mtok: 0, cached_input_usd_per_mtok: 0, output_usd_per_mtok: TOKEN_NUSD / 1_000 };
    pipeline = await startPipeline({
      name: "redis-cluster",
      parts: { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL, REDIS_URL: cluster.env.REDIS_URL },
      env: { REDIS_CLUSTER: cluster.env.REDIS_CLUSTER },
      settings: {
        prices: { models: { "gpt-4.1-mini": price } },
        plans: { default: {}, small: { budgets: { tenant_day_usd: FIT * COST_USD } } },
        tenants: Object.fromEntries([
          ["demo", { plan: "default" }],
          ...TENANTS.map((name) => [name, { plan: "small" }]),
        ]),
        cache: { exact: { enabled: true }, coalesce: { enabled: true } },
        admission: { lease_ms: 2_000, global: { requests_per_minute: 100_000 } },
      },
    });
    counters = await openCounters(pipeline);
  });
  after(async () => {
    counters?.close();
    await pipeline?.stop();
    await cluster?.stop();
  });

  const body = (text: string, more: object = {}) =>
    chat(`[[mock tokens=${TOKENS}]] ${text}`, { max_tokens: TOKENS, ...more });
  const post = (path: string, sent: object): Promise<Response> =>
    fetch(`${pipeline.gateway_url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
      body: JSON.stringify(sent),
    });
  const sendAll = async (name: string, count: number): Promise<Map<string, string[]>> => {
    const ids = new Map(
      TENANTS.map((tenant) => [tenant, Array.from({ length: count }, (_, n) => pipeline.id(`${name}-${tenant}-${n}`))]),
    );
    const records = [...ids].flatMap(([tenant, of_tenant]) =>
      of_tenant.map((id) => ({ key: id, value: { id, tenant, body: body(id) } })),
    );
    // One tenant after another would not be at once.
    await pipeline.produce(records.toSorted((one, other) => one.key.slice(-2).localeCompare(other.key.slice(-2))));
    return ids;
  };
  const statuses = async (ids: readonly string[]): Promise<ResultStatus[]> => {
    const results = await pipeline.resultsOf(ids);
    return ids.map((id) => only(results, id).status);
  };
  const count = (all: readonly ResultStatus[], status: ResultStatus) => all.filter((one) => one === status).length;
  const spent_nusd = async (tenant: string) => {
    const [sums] = await counters.store.read(
      tenant,
      countersOf({}, Date.now()).filter(({ scope }) => scope === "tenant_day"),
    );
    return [sums?.reserved_nusd, sums?.settled_nusd];
  };

  test("tenants at once: each has what its day has room for", async () => {
    const ids = await sendAll("budget", ASKED);
    for (const [tenant, of_tenant] of ids) {
      const all = await statuses(of_tenant);
      assert.equal(count(all, "succeeded"), FIT, tenant);
      await until("all is settled", async () => (await spent_nusd(tenant))[0] === 0);
      assert.deepEqual(await spent_nusd(tenant), [0, FIT * TOKENS * TOKEN_NUSD]);
    }
  });

  test("an equal request is a hit, and tokens stream", async () => {
    const first = await post("/v1/chat/completions", body("the same", { temperature: 0 }));
    assert.equal(first.status, 200);
    const again = await post("/v1/chat/completions", body("the same", { temperature: 0 }));
    assert.match(again.headers.get("x-sluice-cache") ?? "", /^hit|exact/);
    const streamed = await post("/v1/chat/completions", body("streamed", { stream: true }));
    const text = await streamed.text();
    assert.ok(text.trimEnd().endsWith("data: [DONE]"));
    // A word to a reader can be lost or late, and then several tokens come at once; all of them come in any case.
    const deltas = [...text.matchAll(/"content":"((?:[^"\\]|\\.)*)"/g)].map(
      ([, content]) => JSON.parse(`"${content}"`) as string,
    );
    const whole = (await (await post("/v1/chat/completions", body("streamed"))).json()) as Completion;
    assert.equal(deltas.join(""), whole.choices[0]?.message.content);
  });

  test("a request under way is cancelled; an unreadable one is a dead letter", async () => {
    const id = pipeline.id("cancelled");
    const sent = await post("/v1/requests", {
      id,
      body: chat("[[mock tokens=4000 itl_ms=100]] long", { stream: true }),
    });
    assert.equal(sent.status, 202);
    await until("it is sent", async () => (await pipeline.calls(1)).some((call) => call.id === id));
    assert.equal((await post(`/v1/requests/${id}/cancel`, {})).status, 202);
    assert.deepEqual(await statuses([id]), ["cancelled"]);
    await pipeline.produce([{ value: "{", key: "bad" }]);
    assert.equal((await pipeline.deadLetters(1)).length, 1);
  });

  test("one master is killed under work and comes back: it waits, nothing is lost, and budgets are right", async () => {
    const ids = Array.from({ length: 60 }, (_, n) => pipeline.id(`killed-${n}`));
    const send = (some: readonly string[]) =>
      pipeline.produce(some.map((id) => ({ key: id, value: { id, tenant: "demo", body: body(id) } })));
    await send(ids.slice(0, 20));
    const killed = cluster.nodes.at(-1) as ClusterNode;
    await killed.kill();
    await send(ids.slice(20, 40));
    await until("ingest waits", () => pipeline.log("ingest").includes("waiting for a part that is away"));
    await killed.start();
    await send(ids.slice(40));
    assert.equal(count(await statuses(ids), "succeeded"), ids.length);
    assert.match(pipeline.log("ingest"), /the counters of budgets and limits are back/);
    // What was spent before is known to the counters that were restored.
    const more = await sendAll("more", 2);
    for (const [tenant, of_tenant] of more) {
      assert.equal(count(await statuses(of_tenant), "succeeded"), 0);
      assert.deepEqual(await spent_nusd(tenant), [0, FIT * TOKENS * TOKEN_NUSD]);
    }
    await pipeline.settled();
    for (const id of ids) only(await pipeline.resultsOf([id]), id);
  });
});
