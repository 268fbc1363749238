/** Explanations on the real parts: every hop of every kind of request, at the place where the topics have it. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Explanation } from "../../libs/shared/explain/explanation.ts";
import { recordAt } from "../../libs/shared/kafka/record-at.ts";
import { Api } from "../support/api.ts";
import { sluice } from "../support/budgets.ts";
import { batchOf, endOf, upload, type View } from "../support/objects.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, PROMPT_MARK } from "../support/requests.ts";
import { until } from "../support/until.ts";

const DELAY = "1s";
const WEAK = "gpt-4.1-mini";

describe("explanations", () => {
  let pipeline: Pipeline;
  let receiver: Server;
  let api: Api;
  let hook: string;
  let admin: string;

  before(async () => {
    receiver = createServer((request, reply) => {
      request.resume();
      reply.writeHead(204).end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    receiver.unref();
    hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    pipeline = await startPipeline({
      name: "explain",
      settings: {
        topics: { retry_delays: [DELAY] },
        plans: { narrow: { limits: { in_flight_max: 1 } } },
        tenants: { narrow: { plan: "narrow" } },
        routing: { escalation: { enabled: true } },
        cache: { exact: { enabled: true } },
        inference: { attempts_max: 2, retry: { base_ms: 10, cap_ms: 20 }, redelivery: { rounds_max: 1 } },
        webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"] },
        jobs: { poll_ms: 200 },
      },
    });
    api = new Api(pipeline.gateway_url);
    admin = await pipeline.createKey("demo", ["submit", "read", "admin"]);
    await until("the key is known", async () => (await api.call("GET", "/v1/models", { key: admin })).status === 200);
  });
  after(async () => {
    await api?.close();
    receiver?.close();
    await pipeline?.stop();
  });

  /** By the way over HTTP, the administrator's. */
  const explained = (id: string, tenant = "demo"): Promise<Explanation> =>
    api.json<Explanation>("GET", `/v1/requests/${id}/explain?tenant=${tenant}`, { key: admin });

  async function ask(name: string, prompt: string, more: object = {}): Promise<Explanation> {
    const id = pipeline.id(name);
    const request = { id, tenant: "demo", body: chat(prompt), ...more };
    await pipeline.produce([{ key: id, value: request }]);
    await pipeline.resultsOf([id]);
    return whole(await explained(id, request.tenant));
  }

  /** What holds for every request that has ended: its hops lead from topic to topic, and each place has its record. */
  async function whole(it: Explanation): Promise<Explanation> {
    const places = it.steps.filter(({ topic }) => topic !== undefined);
    assert.ok(places.length >= 3, JSON.stringify(it.steps));
    for (const { topic = "", partition = -1, offset = -1, what } of places) {
      const record = await recordAt(pipeline.kafka, { topic, partition, offset });
      assert.ok(record?.value?.includes(it.id), `${what}: ${topic} ${partition}@${offset}`);
    }
    const times = it.steps.map(({ at_ms }) => at_ms);
    assert.deepEqual(
      times,
      times.toSorted((one, other) => one - other),
    );
    assert.ok(it.links.request !== undefined && it.links.outcome !== undefined, "the links");
    assert.equal(it.links.result?.topic, pipeline.names.results);
    const spent_ms = it.time.reduce((sum, { ms }) => sum + ms, 0);
    const published_ms = it.steps.find(({ what }) => what === "published")?.at_ms ?? 0;
    const all_ms = published_ms - (it.received_ms ?? 0);
    // Rounded parts, and stamps of several processes.
    assert.ok(Math.abs(spent_ms - all_ms) <= 100, `${spent_ms} of ${all_ms}`);
    assert.deepEqual(it.notes, []);
    assert.ok(!JSON.stringify(it).includes(PROMPT_MARK), "nothing of the question");
    return it;
  }

  /** Topics without their prefix, in order. */
  const topicsOf = ({ steps }: Explanation): string[] =>
    steps.flatMap(({ topic }) => (topic === undefined ? [] : [topic.slice(pipeline.settings.topics.prefix.length)]));
  const WAY = ["requests", "admitted", "jobs.small", "outcomes", "results"];

  test("a plain request: five places, one call, its money", async () => {
    const it = await ask("plain", "say it", { user: "ann" });
    assert.deepEqual([it.status, it.user, topicsOf(it)], ["succeeded", "ann", WAY]);
    assert.deepEqual(
      it.steps.map(({ service }) => service),
      ["ingest", "router", "inference", "inference", "results", "results"],
    );
    assert.deepEqual(
      it.attempts.map(({ tier, model, outcome }) => [tier, model, outcome]),
      [["small", WEAK, "ok"]],
    );
    assert.deepEqual([it.attempts_total, it.cache?.outcome, it.decision?.tier], [1, "miss", "small"]);
    const { cost_usd = 0, reserved_usd = 0, settled_usd, ledger, scopes } = it.money;
    assert.ok(cost_usd > 0 && reserved_usd >= cost_usd);
    assert.equal(settled_usd, cost_usd);
    assert.deepEqual(
      ledger.map(({ kind }) => kind),
      ["reserved", "settled"],
    );
    assert.deepEqual(new Set(scopes.map(({ scope }) => scope)), new Set(["user_day", "tenant_day", "tenant_month"]));
  });

  test("an answer of the cache is no call", async () => {
    const first = await ask("cached-1", "say it twice");
    const again = await ask("cached-2", "say it twice");
    assert.deepEqual(topicsOf(again), ["requests", "admitted", "outcomes", "results"]);
    assert.deepEqual([again.cache?.outcome, again.attempts, again.money.cost_usd], ["exact", [], 0]);
    assert.equal(again.cache?.entry, first.cache?.filled);
  });

  test("one that failed for a while: its calls of both rounds, and the retry topic between them", async () => {
    const it = await ask("retried", "[[mock fault=503:3]] at last");
    assert.deepEqual(topicsOf(it), ["requests", "admitted", "jobs.small", `retry.${DELAY}`, ...WAY.slice(1)]);
    assert.deepEqual(
      it.attempts.map(({ outcome, status }) => [outcome, status]),
      [
        ["provider_error", 503],
        ["provider_error", 503],
        ["provider_error", 503],
        ["ok", undefined],
      ],
    );
    assert.ok(it.steps.some(({ what }) => what === "sent back for another round: provider_error"));
    assert.ok((it.time.find(({ of }) => of === "retry")?.ms ?? 0) >= 900);
  });

  test("one that waited for room: the limit and the wait", async () => {
    const [long, waiting] = [pipeline.id("long"), pipeline.id("waiting")];
    const of = (id: string, prompt: string) => ({ id, tenant: "narrow", on_limit: "defer", body: chat(prompt) });
    await pipeline.produce([{ key: long, value: of(long, "[[mock latency_ms=1500]] long") }]);
    await until("the long one runs", async () => (await pipeline.mockStats()).concurrency > 0);
    await pipeline.produce([{ key: waiting, value: of(waiting, "waiting") }]);
    await pipeline.resultsOf([long, waiting]);
    const it = await whole(await explained(waiting, "narrow"));
    // It may be asked again before there is room.
    assert.deepEqual([...new Set(topicsOf(it))].slice(0, 3), ["requests", "deferred", "admitted"]);
    assert.match(it.steps[0]?.what ?? "", /^deferred by a limit: in_flight of tenant/);
    assert.ok((it.time.find(({ of: part }) => part === "deferred")?.ms ?? 0) > 0);
  });

  test("one that was escalated: both tiers' calls", async () => {
    const it = await ask("escalated", `guess it [[mock model=${WEAK} logprob=-3]]`);
    assert.deepEqual(topicsOf(it), ["requests", "admitted", "jobs.small", "jobs.large", "outcomes", "results"]);
    assert.deepEqual(
      it.attempts.map(({ tier, outcome }) => [tier, outcome]),
      [
        ["small", "ok"],
        ["large", "ok"],
      ],
    );
    assert.deepEqual([it.decision?.escalated_from, it.decision?.by], ["small", "escalation"]);
  });

  test("one with a webhook: who was told", async () => {
    const { id } = await ask("told", "tell them", { callback: { url: hook } });
    const it = await until("the callback is delivered", async () => {
      const found = await explained(id);
      return found.deliveries[0]?.status === "delivered" && found;
    });
    assert.deepEqual(
      it.deliveries.map(({ url, attempts }) => [url, attempts.map(({ status }) => status)]),
      [[hook, [204]]],
    );
    assert.ok(it.steps.some(({ service, what }) => service === "webhooks" && what.endsWith("204")));
  });

  test("one that failed for good: its error, and its dead letter", async () => {
    const it = await ask("failed", "[[mock fault=503:50]] never");
    assert.deepEqual([it.status, it.error?.code, it.attempts.length], ["failed", "provider_error", 4]);
    assert.deepEqual(
      it.dead_letters.map(({ topic, code }) => [topic, code]),
      [[pipeline.names.dlq, "provider_error"]],
    );
  });

  test("one that was refused says by whom", async () => {
    const it = await ask("refused", "no", { tier: "none" });
    assert.deepEqual([it.status, it.attempts], ["rejected", []]);
    assert.deepEqual(topicsOf(it).slice(-2), ["outcomes", "results"]);
  });

  test("a batch's: its job, by the batch lane's topics", async () => {
    const key = pipeline.api_key;
    const { id: batch } = await api.json<View>("POST", "/v1/batches", { key, body: batchOf(await upload(api, key)) });
    await endOf(api, key, `/v1/batches/${batch}`);
    const { data } = await api.json<{ data: View[] }>("GET", `/v1/batches/${batch}/requests`, { key });
    const id = String(data[0]?.id);
    // A job looks at rows, which are there before the Result is on its topic.
    await pipeline.resultsOf([id]);
    const it = await whole(await explained(id));
    assert.equal(it.links.job, batch);
    assert.deepEqual(topicsOf(it), ["requests.batch", "admitted.batch", "jobs.small.batch", "outcomes", "results"]);
  });

  test("one that is under way: where it stands", async () => {
    const key = pipeline.api_key;
    const { id } = await api.json<View>("POST", "/v1/requests", {
      key,
      body: { id: pipeline.id("open"), body: chat("[[mock latency_ms=20000]] slowly") },
    });
    const it = await until("a model is called", async () => {
      const found = await explained(id);
      return found.now?.what.startsWith("a tier works on it") && found;
    });
    assert.deepEqual([it.status, it.links.request?.topic], ["running", pipeline.names.requests]);
    assert.deepEqual(
      it.steps.map(({ service }) => service),
      ["gateway", "ingest", "router", "inference"],
    );
    await api.json("POST", `/v1/requests/${id}/cancel`, { key, body: {} });
    await pipeline.resultsOf([id]);
  });

  test("another tenant's is none, and any is an administrator's", async () => {
    const { id } = await ask("own", "mine");
    const other = await pipeline.createKey("narrow");
    await until(
      "the other's key is known",
      async () => (await api.call("GET", "/v1/models", { key: other })).status === 200,
    );
    const path = `/v1/requests/${id}/explain`;
    assert.equal((await api.call("GET", path, { key: other })).status, 404);
    assert.equal((await api.call("GET", `${path}?tenant=demo`, { key: other })).status, 403);
    assert.equal((await api.call("GET", `${path}?tenant=narrow`, { key: other })).status, 404);
    assert.equal((await api.call("GET", path, { key: pipeline.api_key })).status, 200);
    assert.equal((await api.call("GET", `${path}?tenant=%00`, { key: pipeline.api_key })).status, 400);
  });

  test("the command line tells the same, by itself where one tenant has the id", async () => {
    const { id, steps } = await ask("shown", "show it");
    const told = await sluice(pipeline, "explain", id, "--json");
    assert.deepEqual((JSON.parse(told.out) as Explanation).steps, steps);
    const { out: stdout } = await sluice(pipeline, "explain", id, "--tenant", "demo");
    for (const part of ["Where the time went", "Way", "Calls", "Money", `${pipeline.names.outcomes} `, "call 1 to"]) {
      assert.ok(stdout.includes(part), `${part} in ${stdout}`);
    }
    await pipeline.produce([{ key: id, value: { id, tenant: "narrow", body: chat("the other's") } }]);
    await until(
      "both have it",
      async () => (await api.call("GET", `/v1/requests/${id}/explain?tenant=narrow`, { key: admin })).status === 200,
    );
    const several = await sluice(pipeline, "explain", id);
    assert.notEqual(several.code, 0);
    assert.match(several.err, /demo, narrow/);
    assert.notEqual((await sluice(pipeline, "explain", pipeline.id("never"))).code, 0);
  });
});
