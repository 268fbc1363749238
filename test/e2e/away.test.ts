/** Registry, Redis and Postgres go away and come back: services wait, say so, and go on; no request is lost. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { leaks } from "../support/leaks.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { type PartProxy, startProxy } from "../support/proxy.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

const NAME = "away";
/** Of the results topic: each may have a batch that waits and says so. */
const PARTITIONS = 4;

describe("parts that go away and come back", () => {
  let pipeline: Pipeline;
  let registry: PartProxy;
  let redis: PartProxy;
  let postgres: PartProxy;
  before(async () => {
    const parts = process.env;
    registry = await startProxy(parts["SCHEMA_REGISTRY_URL"] ?? "");
    // A Redis database of its own, since it is emptied below.
    redis = await startProxy(`${parts["REDIS_URL"]}/9`);
    postgres = await startProxy(parts["DATABASE_URL"] ?? "");
    pipeline = await startPipeline({
      name: NAME,
      parts: {
        KAFKA_BROKERS: parts["KAFKA_BROKERS"] ?? "",
        SCHEMA_REGISTRY_URL: registry.url,
        REDIS_URL: redis.url,
        DATABASE_URL: postgres.url,
      },
    });
  });
  after(() => pipeline.stop());

  async function problems(name: string): Promise<string[]> {
    const url = pipeline.processes.url(name);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const reply = await fetch(`${url}/readyz`);
    const { problems: found } = (await reply.json()) as { problems: string[] };
    assert.equal(reply.status, found.length === 0 ? 200 : 503);
    return found;
  }
  const saysAway = (name: string, problem: string): Promise<boolean> =>
    until(`${name} says that ${problem}`, async () => (await problems(name)).includes(problem));
  const isReady = (name: string): Promise<boolean> =>
    until(`${name} is ready`, async () => (await problems(name)).length === 0);
  const waits = (name: string): number => pipeline.log(name).split("waiting for a part that is away").length - 1;

  async function send(name: string, count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, (_, index) => pipeline.id(`${name}-${index}`));
    await pipeline.produce(ids.map((id) => ({ key: id, value: { id, tenant: "demo", body: chat(id) } })));
    return ids;
  }
  async function allSucceed(ids: readonly string[]): Promise<void> {
    const results = await pipeline.resultsOf(ids);
    for (const id of ids) assert.equal(only(results, id).status, "succeeded");
  }

  test("Redis: paid work waits, and goes on", async () => {
    await allSucceed(await send("warm", 10));
    const [before_ingest, before_results] = [waits("ingest"), waits("results")];
    await redis.away();
    for (const name of ["ingest", "results", "gateway"]) await saysAway(name, "redis is away");
    const ids = await send("redis", 50);
    const by_http = pipeline.id("redis-http");
    const reply = await fetch(`${pipeline.gateway_url}/v1/requests`, {
      method: "POST",
      headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
      body: JSON.stringify({ id: by_http, body: chat("while Redis is away") }),
    });
    assert.equal(reply.status, 202);
    await until("ingest waits", () => waits("ingest") > before_ingest);
    assert.deepEqual(
      (await pipeline.calls(1)).filter(({ id }) => ids.includes(id)),
      [],
      "nothing was paid for",
    );
    await redis.back();
    await allSucceed([...ids, by_http]);
    for (const name of ["ingest", "results", "gateway"]) await isReady(name);
    assert.ok(waits("ingest") - before_ingest <= 2, "said once for requests, and once for the ledger");
    assert.ok(waits("results") - before_results <= PARTITIONS);
    assert.match(pipeline.log("ingest"), /available again, going on/);
  });

  test("Postgres: answers wait to become results, and are not paid for again", async () => {
    const known = waits("results");
    await postgres.away();
    await saysAway("results", "postgres is away");
    const ids = await send("postgres", 50);
    await until("results waits", () => waits("results") > known);
    await postgres.back();
    await allSucceed(ids);
    await isReady("results");
    assert.ok(waits("results") - known <= PARTITIONS);
    const calls = await pipeline.calls(1);
    assert.deepEqual(
      calls.filter(({ id, calls: count }) => ids.includes(id) && count > 1),
      [],
    );
  });

  test("the registry: what is known goes on, what must be looked up waits, a new process waits", async () => {
    await registry.away();
    await allSucceed(await send("registry", 20));
    const known = waits("ingest");
    const letters = pipeline.dlq.records.length;
    const unknown = Buffer.concat([Buffer.from([0, 0, 9, 9, 9]), Buffer.from("{}")]);
    await pipeline.produce([{ value: unknown }]);
    await until("ingest waits for the registry", () => waits("ingest") > known);
    const ids = await send("behind", 20);
    await pipeline.processes.launch("router-2");
    await until("the new process is alive and not ready", async () => {
      return (await problems("router-2")).includes("starting");
    });
    assert.equal(pipeline.dlq.records.length, letters);
    await registry.back();
    await allSucceed(ids);
    const letter = (await pipeline.deadLetters(letters + 1))[letters];
    assert.equal(letter?.headers["sluice-error-code"], "schema_unknown");
    await isReady("router-2");
    assert.equal(waits("ingest") - known, 1, "said once");
  });

  test("an empty Redis: ids that were answered before are still answered once", async () => {
    const ids = await send("flush", 20);
    await allSucceed(ids);
    await pipeline.settled();
    const client = connectRedis(redis.url, "test", silentLog, "");
    await redisReady(client, 10_000);
    await client.flushdb();
    client.disconnect();
    const [results, letters] = [pipeline.results.records.length, pipeline.dlq.records.length];
    await send("flush", 20);
    const other = { id: ids[0], tenant: "demo", body: chat("other content") };
    await pipeline.produce([{ key: "elsewhere", value: other }]);
    await pipeline.deadLetters(letters + 1);
    await pipeline.settled();
    assert.equal(pipeline.results.records.length, results);
    const codes = pipeline.dlq.records.slice(letters).map(({ headers }) => headers["sluice-error-code"]);
    assert.deepEqual(new Set(codes), new Set(["id_conflict"]));
    assert.equal(await pipeline.rows(), results);
  });

  test("no log holds a prompt, an answer or a key", () => assert.deepEqual(leaks(pipeline, NAME), []));
});
