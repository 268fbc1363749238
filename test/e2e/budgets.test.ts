/** Limits and budgets as users meet them: what HTTP says of them, who waits and who is refused, and what administrators do about it. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import { usdOf } from "../../libs/shared/money.ts";
import type { Alert } from "../../services/ingest/alerts.ts";
import { countersEqualLedger, openCounters, sluice } from "../support/budgets.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { type PartProxy, startProxy } from "../support/proxy.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

/** Of one answer, in a price that counts nothing else: what is held is what it costs. */
const TOKENS = 10;
const TOKEN_NUSD = 1_234_567;
const COST_NUSD = TOKENS * TOKEN_NUSD;
const RACERS = 64;
/** Of `alerted`'s cap. */
const ALERT_FIT = 10;

type Reply = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> };
type ErrorBody = {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string;
};

const PLANS = {
  poor: { budgets: { tenant_day_usd: usdOf(2 * COST_NUSD), user_day_usd: usdOf(COST_NUSD) } },
  slow: { limits: { tenant: { requests_per_minute: 2, tokens_per_minute: 100_000 } } },
  narrow: { limits: { in_flight_max: 1 } },
  watched: { budgets: { tenant_day_usd: usdOf(ALERT_FIT * COST_NUSD) } },
  hasty: { velocity: { window_s: 3_600, usd: usdOf(2 * COST_NUSD) } },
  free: {},
};

describe("budgets and limits", () => {
  let pipeline: Pipeline;
  let redis: PartProxy;
  const keys = new Map<string, string>();
  const alerts: Alert[] = [];
  const webhook = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += String(chunk);
    });
    request.on("end", () => {
      alerts.push(JSON.parse(text) as Alert);
      response.end();
    });
  });

  before(async () => {
    const { KAFKA_BROKERS = "", SCHEMA_REGISTRY_URL = "", DATABASE_URL = "", REDIS_URL = "" } = process.env;
    redis = await startProxy(REDIS_URL);
    await new Promise<void>((resolve) => webhook.listen(0, "127.0.0.1", resolve));
    webhook.unref();
    const { port } = webhook.address() as AddressInfo;
    const price = { input_usd_per_mtok: 0, cached_input_usd_per_mtok: 0, output_usd_per_mtok: TOKEN_NUSD / 1_000 };
    pipeline = await startPipeline({
      name: "budgets-e2e",
      parts: { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL, REDIS_URL: redis.url },
      env: { SLUICE_ALERT_WEBHOOK: `http://127.0.0.1:${port}/alerts` },
      settings: {
        prices: { models: { "gpt-4.1-mini": price } },
        admission: { alert_at: [0.5, 0.8] },
        plans: PLANS,
        tenants: Object.fromEntries(Object.keys(PLANS).map((plan) => [plan, { plan }])),
      },
    });
    for (const tenant of Object.keys(PLANS)) keys.set(tenant, await pipeline.createKey(tenant));
    for (const tenant of keys.keys()) {
      await until("the keys are known", async () => (await call(tenant, "/v1/requests/none")).status === 404);
    }
  });
  after(async () => {
    webhook.close();
    await pipeline?.stop();
  });

  /** A POST where there is a body, else a GET. */
  async function call(
    tenant: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const response = await fetch(`${pipeline.gateway_url}${path}`, {
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      headers: {
        authorization: `Bearer ${keys.get(tenant)}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Reply["body"] };
  }
  const ask = (text: string, more: object = {}): Record<string, unknown> =>
    chat(`[[mock tokens=${TOKENS}]] ${text}`, { max_tokens: TOKENS, ...more });
  const complete = (tenant: string, more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
    call(tenant, "/v1/chat/completions", ask("hello", more), headers);
  const errorOf = ({ body }: Reply): ErrorBody => {
    const error = body["error"] as ErrorBody;
    assert.deepEqual(Object.keys(error).toSorted(), ["code", "message", "param", "type"]);
    return error;
  };
  const viewOf = (tenant: string, id: string) => call(tenant, `/v1/requests/${id}`);

  test("a budget that is used up is a 402 that says which, how much is left and when it resets", async () => {
    const first = await complete("poor", { user: "ann" });
    assert.equal(first.status, 200);
    assert.equal(first.headers.get("x-sluice-cost-usd"), usdOf(COST_NUSD).toFixed(9));
    const again = await complete("poor", { user: "ann" });
    assert.deepEqual(
      [again.status, errorOf(again).code, errorOf(again).type],
      [402, "budget_exceeded", "insufficient_quota"],
    );
    assert.match(
      errorOf(again).message,
      /^budget of scope user_day, user ann: \$0\.00 left of \$0\.01234567, .+ ends at /,
    );
    assert.equal((await complete("poor", { user: "bob" })).status, 200);
    const tenant = await complete("poor", { user: "cid" });
    assert.equal(tenant.status, 402);
    assert.match(errorOf(tenant).message, /^budget of scope tenant_day, tenant poor: \$0\.00 left of \$0\.02469134, /);
    assert.ok(Number(tenant.headers.get("retry-after")) > 0);
  });

  test("rate limits tell what is left of them, and when to come back", async () => {
    const left = [];
    for (const _ of [1, 2]) {
      const { status, headers } = await complete("slow");
      assert.equal(status, 200);
      assert.equal(headers.get("x-ratelimit-limit-requests"), "2");
      assert.equal(headers.get("x-ratelimit-limit-tokens"), "100000");
      assert.match(headers.get("x-ratelimit-reset-requests") ?? "", /^[\dhms.]+$/);
      assert.ok(Number(headers.get("x-ratelimit-remaining-tokens")) < 100_000);
      left.push(headers.get("x-ratelimit-remaining-requests"));
    }
    assert.deepEqual(left, ["1", "0"]);
    const refused = await complete("slow");
    const { code, type, message } = errorOf(refused);
    assert.deepEqual([refused.status, code, type], [429, "rate_limited", "rate_limit_error"]);
    assert.match(message, /^tenant slow may send 2 requests a minute and has 0 left; try again in \d+ s$/);
    const seconds = Number(refused.headers.get("retry-after"));
    // A window is a minute and the half second in which its first request came, told in whole seconds.
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 61, `${seconds} s`);
    assert.equal(refused.headers.get("x-ratelimit-limit-requests"), "2");
    assert.equal(refused.headers.get("x-ratelimit-remaining-requests"), "0");
  });

  test("what is to wait is deferred: its view says until when, and it is answered once there is room", async () => {
    const [long, waiting, hasty] = ["long", "waiting", "hasty"].map((name) => pipeline.id(name)) as [
      string,
      string,
      string,
    ];
    const stream = chat("[[mock tokens=4000 itl_ms=100]] long", { stream: true });
    assert.equal((await call("narrow", "/v1/requests", { id: long, body: stream })).status, 202);
    await until("the long one runs", async () => (await pipeline.mockStats()).concurrency > 0);
    await pipeline.produce([
      { key: waiting, value: { id: waiting, tenant: "narrow", on_limit: "defer", body: ask("waiting") } },
      { key: hasty, value: { id: hasty, tenant: "narrow", body: ask("hasty") } },
    ]);
    const refused = only(await pipeline.resultsOf([hasty]), hasty);
    assert.deepEqual([refused.status, refused.error?.code], ["rejected", "in_flight_exceeded"]);
    const view = await until("the view says deferred", async () => {
      const { body } = await viewOf("narrow", waiting);
      return body["status"] === "deferred" && body;
    });
    assert.ok(Number(view["until_ms"]) > Date.now() - 120_000);
    assert.equal((await call("narrow", `/v1/requests/${long}/cancel`, {})).status, 202);
    const results = await pipeline.resultsOf([long, waiting]);
    assert.equal(only(results, long).status, "cancelled");
    assert.equal(only(results, waiting).status, "succeeded");
    assert.equal((await viewOf("narrow", waiting)).body["status"], "succeeded");
  });

  test(`${RACERS} racing submissions with one idempotency key are one execution`, async () => {
    const { calls } = await pipeline.mockStats();
    const race = { "idempotency-key": pipeline.id("race") };
    const body = ask("[[mock latency_ms=500]] race");
    const replies = await Promise.all(
      Array.from({ length: RACERS }, () => call("free", "/v1/chat/completions", body, race)),
    );
    for (const reply of replies) {
      assert.equal(reply.status, 200);
      assert.deepEqual(reply.body, replies[0]?.body);
      assert.equal(reply.headers.get("x-sluice-id"), replies[0]?.headers.get("x-sluice-id"));
    }
    const late = await call("free", "/v1/chat/completions", body, race);
    assert.deepEqual([late.status, late.body], [200, replies[0]?.body]);
    await pipeline.settled();
    assert.equal((await pipeline.mockStats()).calls - calls, 1);
    const other = await call("free", "/v1/chat/completions", ask("another"), race);
    assert.deepEqual([other.status, errorOf(other).code], [422, "idempotency_key_reused"]);
  });

  test("a key used by the topic is the same key by HTTP", async () => {
    const id = pipeline.id("keyed");
    const value = { id, tenant: "free", idempotency_key: id, body: ask("keyed") };
    await pipeline.produce([
      { key: id, value },
      { key: id, value },
    ]);
    assert.equal(only(await pipeline.resultsOf([id]), id).status, "succeeded");
    const same = await call("free", "/v1/requests", { id, body: ask("keyed") }, { "idempotency-key": id });
    assert.deepEqual([same.status, (same.body["result"] as Result).id], [200, id]);
    const other = await call("free", "/v1/requests", { body: ask("other") }, { "idempotency-key": id });
    assert.deepEqual([other.status, errorOf(other).code], [422, "idempotency_key_reused"]);
    await pipeline.settled();
    assert.equal((await pipeline.resultsOf([id])).get(id)?.length, 1);
    assert.equal((await pipeline.calls(1)).find((one) => one.id === id)?.calls, 1);
  });

  test("without Redis HTTP callers are told so at once, and what came by the topic waits", async () => {
    await redis.away();
    const { calls } = await pipeline.mockStats();
    await until("the gateway notices", async () => (await complete("free")).status === 503);
    const refused = await complete("free");
    assert.deepEqual([refused.status, errorOf(refused).code], [503, "unavailable"]);
    assert.ok(Number(refused.headers.get("retry-after")) >= 1);
    const ids = Array.from({ length: 20 }, (_, index) => pipeline.id(`away-${index}`));
    await pipeline.produce(ids.map((id) => ({ key: id, value: { id, tenant: "free", body: ask(id) } })));
    await until("ingest waits", () => pipeline.log("ingest").includes("waiting for a part that is away"));
    const during = await pipeline.mockStats();
    await redis.back();
    const results = await pipeline.resultsOf(ids);
    for (const id of ids) assert.equal(only(results, id).status, "succeeded");
    assert.equal(during.calls, calls, "nothing was paid for meanwhile");
    await until("HTTP goes on", async () => (await complete("free")).status === 200);
  });

  test("each threshold of a budget is told once: by webhook, log and metric", async () => {
    for (let count = 0; count < ALERT_FIT; count += 1) assert.equal((await complete("watched")).status, 200);
    assert.equal((await complete("watched")).status, 402);
    const told = () => alerts.filter(({ tenant }) => tenant === "watched");
    await until("both are posted", () => told().length >= 2);
    await pipeline.settled();
    assert.deepEqual(
      told().map(({ kind, scope, threshold, cap_usd, used_usd }) => ({ kind, scope, threshold, cap_usd, used_usd })),
      [0.5, 0.8].map((threshold) => {
        const cap_usd = usdOf(ALERT_FIT * COST_NUSD);
        const used_usd = usdOf(threshold * ALERT_FIT * COST_NUSD);
        return { kind: "budget_threshold", scope: "tenant_day", threshold, cap_usd, used_usd };
      }),
    );
    const metrics = await (await fetch(`${pipeline.processes.url("ingest")}/metrics`)).text();
    for (const { threshold, text } of told()) {
      // Other tests cross thresholds too.
      assert.match(
        metrics,
        new RegExp(`^sluice_budget_alerts_total\\{scope="tenant_day",threshold="${threshold}"[^}]*\\} [1-9]`, "m"),
      );
      assert.equal(pipeline.log("ingest").split(text).length - 1, 1, text);
    }
  });

  test("a tenant that spends too fast is stopped until an administrator resumes it", async () => {
    const stopped = await until("it is stopped", async () => {
      const reply = await complete("hasty");
      if (reply.status !== 200) return reply;
      await pipeline.settled();
      return false;
    });
    assert.deepEqual([stopped.status, errorOf(stopped).code], [402, "tenant_stopped"]);
    assert.match(errorOf(stopped).message, /sluice budget resume/);
    assert.equal(stopped.headers.get("retry-after"), null, "waiting does not help");
    const shown = await sluice(pipeline, "budget", "show", "hasty", "--json");
    assert.notEqual(JSON.parse(shown.out).stopped, null, shown.err);
    await until("it is told", () => alerts.some(({ kind, tenant }) => kind === "tenant_stopped" && tenant === "hasty"));
    assert.equal((await complete("hasty")).status, 402);
    const resumed = await sluice(pipeline, "budget", "resume", "hasty", "--json");
    assert.deepEqual(JSON.parse(resumed.out), { tenant: "hasty", resumed: true });
    assert.equal((await complete("hasty")).status, 200);
    assert.equal(alerts.filter(({ kind }) => kind === "tenant_stopped").length, 1);
  });

  test("a cap that is set is kept to by those who run, and taken away again", async () => {
    assert.equal((await complete("free")).status, 200);
    const set = await sluice(
      pipeline,
      "budget",
      "set",
      "free",
      "--scope",
      "tenant_day",
      "--usd",
      "0.000000001",
      "--json",
    );
    assert.equal(set.code, 0, set.err);
    const refused = await until("the cap is kept to", async () => {
      const reply = await complete("free");
      return reply.status !== 200 && reply;
    });
    assert.deepEqual([refused.status, errorOf(refused).code], [402, "budget_exceeded"]);
    const shown = JSON.parse((await sluice(pipeline, "budget", "show", "free", "--json")).out);
    const day = shown.scopes.find(({ scope }: { scope: string }) => scope === "tenant_day");
    assert.equal(day.cap_usd, 0.000000001);
    assert.ok(day.settled_usd >= usdOf(COST_NUSD));
    assert.equal((await sluice(pipeline, "budget", "set", "free", "--scope", "tenant_day", "--none")).code, 0);
    await until("the cap is gone", async () => (await complete("free")).status === 200);
  });

  test("in the end the counters are the ledger", async () => {
    await pipeline.settled();
    const counters = await openCounters(pipeline);
    try {
      for (const tenant of Object.keys(PLANS)) await countersEqualLedger(pipeline, counters, tenant);
    } finally {
      counters.close();
    }
    const { code, out, err } = await sluice(pipeline, "rebuild", "budgets", "--check");
    assert.equal(code, 0, `${out}${err}`);
  });
});
