/** The HTTP door on a running pipeline: submit and poll, OpenAI's endpoints, and what every refusal looks like. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { leaks } from "../support/leaks.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat } from "../support/requests.ts";
import { until } from "../support/until.ts";

type Reply = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> };
type ErrorBody = {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string;
};

describe("the gateway", () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await startPipeline({
      name: "gateway",
      settings: { gateway: { body_bytes_max: 100_000 } },
      log_level: "debug",
    });
  });
  after(() => pipeline.stop());

  /** A POST where there is a body, else a GET. */
  async function call(path: string, body?: unknown, key: string | null = pipeline.api_key): Promise<Reply> {
    const response = await fetch(`${pipeline.gateway_url}${path}`, {
      ...(body === undefined ? {} : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }),
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Reply["body"] };
  }
  const errorOf = ({ body }: Reply): ErrorBody => {
    const error = body["error"] as ErrorBody;
    assert.deepEqual(Object.keys(error).toSorted(), ["code", "message", "param", "type"]);
    return error;
  };
  const finished = (id: string): Promise<Reply> =>
    until(`${id} is finished`, async () => {
      const view = await call(`/v1/requests/${id}`);
      return view.status === 200 && "result" in view.body && view;
    });

  test("takes a request, and tells its result when asked", async () => {
    const id = pipeline.id("submit");
    const taken = await call("/v1/requests", { id, body: chat("submit"), metadata: { a: "b" } });
    assert.equal(taken.status, 202);
    assert.equal(taken.headers.get("location"), `/v1/requests/${id}`);
    assert.equal(taken.headers.get("x-sluice-id"), id);
    const url = `/v1/requests/${id}`;
    assert.deepEqual(taken.body, { id, object: "request", status: "queued", url, events_url: `${url}/events` });
    const { body } = await finished(id);
    assert.equal(body["status"], "succeeded");
    const result = body["result"] as { id: string; tenant: string; metadata: object };
    assert.deepEqual([result.id, result.tenant, result.metadata], [id, "demo", { a: "b" }]);
  });

  test("gives a request without an id one of its own", async () => {
    const taken = await call("/v1/requests", { body: chat("no id") });
    const id = String(taken.body["id"]);
    assert.match(id, /^req_/);
    assert.equal((await finished(id)).body["status"], "succeeded");
  });

  test("the same id and content again is the same request", async () => {
    const id = pipeline.id("twice");
    for (let time = 0; time < 2; time += 1) {
      assert.equal((await call("/v1/requests", { id, body: chat("twice") })).status, 202);
    }
    await finished(id);
    await pipeline.settled();
    assert.equal((await pipeline.resultsOf([id])).get(id)?.length, 1);
  });

  test("answers chat completions like OpenAI", async () => {
    const { status, headers, body } = await call(
      "/v1/chat/completions",
      chat("hello", { model: "auto", max_tokens: 5 }),
    );
    assert.equal(status, 200);
    assert.equal(body["object"], "chat.completion");
    assert.equal((body["choices"] as { message: { role: string } }[])[0]?.message.role, "assistant");
    assert.ok((body["usage"] as { completion_tokens: number }).completion_tokens <= 5);
    assert.equal(headers.get("x-sluice-tier"), "small");
    assert.equal(headers.get("x-sluice-cache"), "bypass");
    assert.ok(Number(headers.get("x-sluice-cost-usd")) > 0);
    assert.equal((await finished(headers.get("x-sluice-id") ?? "")).status, 200);
  });

  test("answers embeddings like OpenAI", async () => {
    const { status, body } = await call("/v1/embeddings", { input: ["a", "b"], model: "text-embedding-3-small" });
    assert.equal(status, 200);
    assert.equal(body["object"], "list");
    assert.equal((body["data"] as unknown[]).length, 2);
  });

  test("passes on the model's refusal with its status", async () => {
    const reply = await call("/v1/chat/completions", chat("x", { metadata: { mock_fault: "418" } }));
    assert.equal(reply.status, 400);
    assert.equal(errorOf(reply).code, "provider_rejected");
  });

  test("answers many callers at once, each with its own result", async () => {
    const texts = Array.from({ length: 100 }, (_, index) => `caller ${index}`);
    const bodies = texts.map((text) => chat(text, { seed: 1 }));
    const [first, second] = [await ask(bodies), await ask(bodies)];
    // The mock answers equal requests equally, so a mixed-up reply shows.
    assert.deepEqual(first, second);
    async function ask(requests: readonly object[]): Promise<unknown[]> {
      const replies = await Promise.all(requests.map((request) => call("/v1/chat/completions", request)));
      return replies.map(({ status, body }) => [status, JSON.stringify(body["choices"])]);
    }
  });

  const refusals: readonly (readonly [
    what: string,
    path: string,
    body: unknown,
    status: number,
    code: string,
    param: string | null,
  ])[] = [
    ["an unknown model", "/v1/chat/completions", chat("x", { model: "none" }), 404, "model_unknown", "model"],
    ["no messages", "/v1/chat/completions", {}, 400, "invalid_request", "messages"],
    ["a wrong role", "/v1/chat/completions", { messages: [{ role: "x" }] }, 400, "invalid_request", "messages[0].role"],
    ["no input", "/v1/embeddings", {}, 400, "invalid_request", "input"],
    ["another tenant's name", "/v1/requests", { tenant: "other", body: chat("x") }, 400, "invalid_request", "tenant"],
    ["a bad id", "/v1/requests", { id: "a b", body: chat("x") }, 400, "invalid_request", "id"],
    ["an array", "/v1/requests", [], 400, "invalid_request", ""],
    ["broken JSON", "/v1/requests", "{", 400, "invalid_request", null],
    ["a polluting field", "/v1/requests", '{"__proto__":{},"body":{}}', 400, "invalid_request", null],
    ["too many bytes", "/v1/requests", { body: chat("x".repeat(200_000)) }, 413, "request_too_large", null],
    [
      "too many levels",
      "/v1/requests",
      `{"body":${"[".repeat(9_000)}${"]".repeat(9_000)}}`,
      400,
      "invalid_request",
      "",
    ],
    ["no such path", "/v1/nothing", {}, 404, "not_found", null],
  ];
  for (const [what, path, body, status, code, param] of refusals) {
    test(`refuses ${what}`, async () => {
      const reply = await call(path, body);
      const error = errorOf(reply);
      assert.deepEqual([reply.status, error.code, error.param], [status, code, param], error.message);
    });
  }

  test("wants a key, and tells a guesser nothing", async () => {
    const missing = await call("/v1/requests", { body: chat("x") }, null);
    assert.deepEqual([missing.status, errorOf(missing).code], [401, "api_key_missing"]);
    const cut = pipeline.api_key.slice(0, -1);
    const other = pipeline.api_key.endsWith("0") ? "1" : "0";
    const answers = [];
    for (const key of [cut, `${cut}${other}`, "sk-other", "slc_0000000000_00"]) {
      answers.push(await call("/v1/requests", { body: chat("x") }, key));
    }
    for (const reply of answers) {
      assert.equal(reply.status, 401);
      assert.deepEqual(reply.body, answers[0]?.body);
    }
  });

  test("shows a tenant its own requests alone, and a key its own scopes", async () => {
    const id = pipeline.id("mine");
    await call("/v1/requests", { id, body: chat("mine") });
    await finished(id);
    const stranger = await pipeline.createKey("other");
    const reader = await pipeline.createKey("demo", ["read"]);
    const unseen = await until("the new keys are known", async () => {
      const reply = await call(`/v1/requests/${id}`, undefined, stranger);
      return reply.status !== 401 && reply;
    });
    assert.deepEqual([unseen.status, errorOf(unseen).code], [404, "not_found"]);
    const none = await call(`/v1/requests/${pipeline.id("never")}`);
    assert.deepEqual(unseen.body, none.body);
    assert.equal((await call("/v1/requests/..%2f..%2fetc")).status, 404);
    await until(
      "the reader is known",
      async () => (await call(`/v1/requests/${id}`, undefined, reader)).status === 200,
    );
    const forbidden = await call("/v1/requests", { body: chat("x") }, reader);
    assert.deepEqual([forbidden.status, errorOf(forbidden).code], [403, "scope_missing"]);
  });

  test("every service serves health and metrics", async () => {
    for (const name of ["gateway", "ingest", "router", "inference", "results"]) {
      const url = pipeline.processes.url(name);
      assert.equal((await fetch(`${url}/healthz`)).status, 200, name);
      const ready = await fetch(`${url}/readyz`);
      assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, problems: [] }], name);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      assert.match(metrics, /^sluice_in_flight\{service="\w+"\} \d+$/m, name);
      assert.equal((await fetch(`${url}/nothing`)).status, 404, name);
    }
  });

  test("a caller whose result does not come is told where to ask", async () => {
    // With the results service gone nothing can answer; the shutdown releases who waits.
    await pipeline.processes.stop("results");
    const waiting = call("/v1/chat/completions", chat("nobody answers"));
    await until("the caller waits", async () =>
      /^sluice_in_flight\{[^}]*\} 1$/m.test(await (await fetch(`${pipeline.gateway_url}/metrics`)).text()),
    );
    await pipeline.processes.stop("gateway");
    const reply = await waiting;
    const id = reply.headers.get("x-sluice-id") ?? "";
    assert.deepEqual([reply.status, errorOf(reply).code], [504, "result_pending"]);
    await pipeline.processes.start("results");
    assert.equal((await pipeline.resultsOf([id])).get(id)?.[0]?.status, "succeeded");
  });

  test("no log holds a prompt, an answer or a key", () => assert.deepEqual(leaks(pipeline, "gateway"), []));
});
