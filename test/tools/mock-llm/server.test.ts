import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import type { MockLlmOptions } from "../../../tools/mock-llm/options.ts";
import { type MockLlm, startMockLlm } from "../../../tools/mock-llm/server.ts";

type Answer = { readonly status: number; readonly headers: Record<string, unknown>; readonly text: string };

async function start(t: TestContext, options: MockLlmOptions = {}): Promise<MockLlm> {
  const server = await startMockLlm({ ttft_ms: 0, ...options });
  t.after(() => server.close());
  return server;
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await request(url, { method: "POST", body: text, headers });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await request(url, { headers });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

const ask = (content = "What is a partition?", extra: Record<string, unknown> = {}) => ({
  model: "mock-small",
  messages: [{ role: "user", content }],
  ...extra,
});

const chat = (server: MockLlm, body: unknown, headers: Record<string, string> = {}) =>
  post(`${server.url}/v1/chat/completions`, body, headers);

/** Polls until it holds: what the server books after its client left comes a moment later. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i += 1) await sleep(10);
  assert.ok(holds());
}

describe("chat completions", () => {
  test("the same question gets the same answer, and the usage adds up", async (t) => {
    const server = await start(t);
    const [a, b] = [await chat(server, ask()), await chat(server, ask())].map((answer) => JSON.parse(answer.text));
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
    assert.notEqual(a.id, b.id);
    assert.match(a.choices[0].message.content, /mock-small/);
    assert.equal(a.usage.total_tokens, a.usage.prompt_tokens + a.usage.completion_tokens);
    const stats = server.stats();
    assert.deepEqual([stats.calls, stats.billed_calls, stats.unique_requests], [2, 2, 1]);
    assert.equal(stats.completion_tokens, 2 * a.usage.completion_tokens);
    assert.equal(stats.by_status["200"], 2);
  });

  test("a stream is server-sent events that end with [DONE] and say the same", async (t) => {
    const server = await start(t, { itl_ms: 1 });
    const whole = JSON.parse((await chat(server, ask())).text);
    const streamed = await chat(server, ask(undefined, { stream: true, stream_options: { include_usage: true } }));
    assert.match(String(streamed.headers["content-type"]), /^text\/event-stream/);
    const lines = streamed.text.trim().split("\n\n");
    assert.equal(lines.at(-1), "data: [DONE]");
    const chunks = lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)));
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.equal(text, whole.choices[0].message.content);
    assert.deepEqual(chunks.at(-1).usage, whole.usage);
  });

  test("a cached prefix shows in the usage and comes sooner", async (t) => {
    const server = await start(t, { ttft_ms: 300 });
    const system = { role: "system", content: "You are careful. ".repeat(400) };
    const time = async (content: string) => {
      const started_ms = performance.now();
      const answer = await chat(server, { model: "m", messages: [system, { role: "user", content }] });
      return { took_ms: performance.now() - started_ms, usage: JSON.parse(answer.text).usage };
    };
    const first = await time("one");
    const second = await time("two");
    assert.equal(first.usage.prompt_tokens_details.cached_tokens, 0);
    assert.equal(second.usage.prompt_tokens_details.cached_tokens % 128, 0);
    assert.ok(second.usage.prompt_tokens_details.cached_tokens >= 1_536);
    assert.ok(second.took_ms < first.took_ms - 150, `${first.took_ms} then ${second.took_ms}`);
  });

  test("tools, log-probabilities and lengths as asked", async (t) => {
    const server = await start(t);
    const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const tools = [{ type: "function", function: { name: "weather", parameters } }];
    const called = JSON.parse((await chat(server, ask("weather in Rome", { tools }))).text).choices[0];
    assert.equal(called.finish_reason, "tool_calls");
    assert.deepEqual(JSON.parse(called.message.tool_calls[0].function.arguments), { city: "weather in Rome" });
    const extra = { logprobs: true, top_logprobs: 2, max_tokens: 5, metadata: { mock_logprob: "-3" } };
    const scored = JSON.parse((await chat(server, ask("x", extra))).text).choices[0];
    assert.equal(scored.logprobs.content.length, 5);
    assert.equal(scored.finish_reason, "length");
    const sized = JSON.parse((await chat(server, ask("y"), { "x-mock-tokens": "321" })).text);
    assert.equal(sized.usage.completion_tokens, 321);
  });

  test("recorded answers, by model", async (t) => {
    const recorded = join(tmpdir(), `mock-llm-recorded-${process.pid}.jsonl`);
    await writeFile(recorded, '{"prompt":"capital of France?","weak_response":"Lyon","strong_response":"Paris"}\n');
    const server = await start(t, { recorded, weak_models: ["mock-small"] });
    const say = async (model: string) =>
      JSON.parse((await chat(server, { ...ask("capital of France? [[mock ttft_ms=1]]"), model })).text).choices[0]
        .message;
    assert.equal((await say("mock-small")).content, "Lyon");
    assert.equal((await say("mock-large")).content, "Paris");
    await assert.rejects(startMockLlm({ recorded: "/nowhere/at-all.jsonl" }), { code: "usage" });
  });
});

test("embeddings in both formats", async (t) => {
  const server = await start(t);
  const embed = async (encoding_format: string) => {
    const body = { model: "e", input: ["red fish", "blue fish"], dimensions: 16, encoding_format };
    return JSON.parse((await post(`${server.url}/v1/embeddings`, body)).text);
  };
  const [floats, bytes] = [await embed("float"), await embed("base64")];
  assert.equal(floats.data.length, 2);
  assert.equal(floats.data[0].embedding.length, 16);
  const first = Buffer.from(bytes.data[0].embedding, "base64").readFloatLE(0);
  assert.ok(Math.abs(first - floats.data[0].embedding[0]) < 1e-6);
  assert.deepEqual(floats.usage, { prompt_tokens: 5, total_tokens: 5 });
  assert.equal(server.stats().by_path["/v1/embeddings"], 2);
});

describe("refusals", () => {
  test("keys, models, bodies and paths", async (t) => {
    const server = await start(t, { api_key: "secret", models: ["mock-small"] });
    const key = { authorization: "Bearer secret" };
    const code = (answer: Answer) => [answer.status, JSON.parse(answer.text).error.code];
    assert.deepEqual(code(await chat(server, ask())), [401, "invalid_api_key"]);
    assert.deepEqual(code(await chat(server, { ...ask(), model: "gone" }, key)), [404, "model_not_found"]);
    assert.deepEqual(code(await chat(server, "{", key)), [400, null]);
    assert.deepEqual(code(await chat(server, "[]", key)), [400, null]);
    assert.deepEqual(code(await chat(server, { model: "mock-small" }, key)), [400, "missing_required_parameter"]);
    assert.equal((await chat(server, ask(), key)).status, 200);
    assert.equal((await get(`${server.url}/v1/models`)).status, 401);
    assert.equal(JSON.parse((await get(`${server.url}/v1/models`, key)).text).data[0].id, "mock-small");
    assert.equal((await get(`${server.url}/healthz`)).status, 200);
    assert.equal((await get(`${server.url}/v1/chat/completions`)).status, 405);
    assert.equal((await get(`${server.url}/nowhere`)).status, 404);
    const stats = server.stats();
    assert.equal(stats.calls, 2, "a wrong key or body is no call, an unknown model is one");
    assert.deepEqual({ ...stats.by_status }, { 200: 1, 400: 3, 401: 1, 404: 1 });
  });

  test("rate limits speak OpenAI's headers", async (t) => {
    const server = await start(t, { rpm: 2, tpm: 10_000 });
    const first = await chat(server, ask());
    assert.equal(first.headers["x-ratelimit-limit-requests"], "2");
    assert.equal(first.headers["x-ratelimit-remaining-requests"], "1");
    assert.ok(first.headers["x-ratelimit-reset-tokens"]);
    await chat(server, ask());
    const refused = await chat(server, ask());
    assert.equal(refused.status, 429);
    assert.equal(JSON.parse(refused.text).error.code, "rate_limit_exceeded");
    assert.ok(Number(refused.headers["retry-after-ms"]) > 20_000);
    assert.equal(refused.headers["retry-after"], String(Math.ceil(Number(refused.headers["retry-after-ms"]) / 1_000)));
  });
});

describe("faults", () => {
  test("the first attempts of a request fail, each caller's apart", async (t) => {
    const server = await start(t);
    const body = ask("try [[mock fault=429:2 retry_after_ms=30]]");
    const statuses = async (id: string) => {
      const seen: number[] = [];
      for (let i = 0; i < 3; i += 1) seen.push((await chat(server, body, { "x-sluice-id": id })).status);
      return seen;
    };
    assert.deepEqual(await statuses("a"), [429, 429, 200]);
    assert.deepEqual(await statuses("b"), [429, 429, 200]);
    const calls = JSON.parse((await get(`${server.url}/stats/calls?min=2`)).text);
    assert.deepEqual(calls.ids[0], { id: "a", calls: 3, billed_calls: 1 });
    assert.deepEqual([server.stats().max_calls_per_request, server.stats().faults["429"]], [3, 4]);
    const { step_ms, steps } = JSON.parse((await get(`${server.url}/stats/timeline?model=mock-small`)).text);
    assert.equal(step_ms, 100);
    const sum = (field: string) =>
      steps.reduce((all: number, step: Record<string, number>) => all + (step[field] ?? 0), 0);
    const { prompt_tokens, completion_tokens } = server.stats();
    assert.deepEqual([sum("calls"), sum("tokens")], [6, prompt_tokens + completion_tokens]);
    assert.equal((await post(`${server.url}/stats/reset`, "")).status, 200);
    assert.equal(server.stats().calls, 0);
  });

  for (const stream of [false, true]) {
    const kind = stream ? "stream" : "body";
    const broken = ask("break", { stream, metadata: { mock_tokens: "8" } });

    test(`${kind}: garbage is 200 and no JSON, and costs nothing`, async (t) => {
      const server = await start(t);
      const answer = await chat(server, broken, { "x-mock-fault": "garbage" });
      assert.equal(answer.status, 200);
      assert.throws(() => JSON.parse(answer.text));
      assert.equal(server.stats().billed_calls, 0);
    });

    test(`${kind}: truncate ends half-way`, async (t) => {
      const server = await start(t);
      const answer = await chat(server, broken, { "x-mock-fault": "truncate" });
      assert.ok(
        answer.text.length > 50 && !answer.text.includes("[DONE]") && !answer.text.includes('finish_reason":"stop'),
      );
      assert.ok(stream || !answer.text.endsWith("}"));
      assert.equal(server.stats().completion_tokens, stream ? 4 : 8);
    });

    test(`${kind}: reset breaks the connection after some bytes`, async (t) => {
      const server = await start(t);
      const answer = await request(`${server.url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify(broken),
        headers: { "x-mock-fault": "reset" },
      });
      await assert.rejects(answer.body.text());
      await until(() => server.stats().concurrency === 0);
      assert.deepEqual([server.stats().billed_calls, server.stats().aborted], [1, 0]);
    });

    test(`${kind}: drip comes whole, and late`, async (t) => {
      const server = await start(t);
      const started_ms = performance.now();
      const answer = await chat(server, ask("x", { stream, max_tokens: 1 }), { "x-mock-fault": "drip" });
      assert.ok(stream ? answer.text.endsWith("[DONE]\n\n") : JSON.parse(answer.text).usage.completion_tokens === 1);
      assert.ok(performance.now() - started_ms > 1_000);
    });
  }

  test("hang answers nobody, and ends when the client leaves", async (t) => {
    const server = await start(t);
    const signal = AbortSignal.timeout(80);
    const url = `${server.url}/v1/chat/completions`;
    await assert.rejects(
      request(url, { method: "POST", body: JSON.stringify(ask()), headers: { "x-mock-fault": "hang" }, signal }),
    );
    await until(() => server.stats().concurrency === 0);
    assert.deepEqual([server.stats().aborted, server.stats().billed_calls], [1, 0]);
  });

  test("rate and kinds change while it runs", async (t) => {
    const server = await start(t);
    const changed = await post(`${server.url}/mock/faults`, { fault_rate: 1, faults: [503] });
    assert.equal(changed.status, 200);
    const answer = await chat(server, ask());
    assert.equal(answer.status, 503);
    assert.equal(answer.headers["retry-after"], "1");
    assert.equal((await chat(server, ask(), { "x-mock-fault": "none" })).status, 200);
    await post(`${server.url}/mock/faults`, { fault_rate: 0 });
    assert.equal((await chat(server, ask())).status, 200);
    assert.equal((await post(`${server.url}/mock/faults`, { faults: ["boom"] })).status, 400);
  });
});

describe("what is counted", () => {
  test("a client that leaves a stream pays for what was sent", async (t) => {
    const server = await start(t);
    const body = ask("long", { stream: true, metadata: { mock_tokens: "1000", mock_itl_ms: "10" } });
    const answer = await request(`${server.url}/v1/chat/completions`, { method: "POST", body: JSON.stringify(body) });
    let chunks = 0;
    for await (const part of answer.body) {
      chunks += String(part).split("data: ").length - 1;
      if (chunks > 10) break;
    }
    await until(() => server.stats().concurrency === 0);
    const stats = server.stats();
    assert.equal(stats.aborted, 1);
    assert.equal(stats.billed_calls, 1);
    assert.ok(stats.completion_tokens >= 10 && stats.completion_tokens < 200, String(stats.completion_tokens));
  });

  test("a client that leaves before the first token pays nothing", async (t) => {
    const server = await start(t, { ttft_ms: 5_000 });
    const url = `${server.url}/v1/chat/completions`;
    const signal = AbortSignal.timeout(60);
    await assert.rejects(request(url, { method: "POST", body: JSON.stringify(ask()), signal }));
    await until(() => server.stats().concurrency === 0);
    assert.deepEqual([server.stats().billed_calls, server.stats().prompt_tokens, server.stats().aborted], [0, 0, 1]);
  });

  test("calls beyond the slots wait in line, and those that leave the line free nothing twice", async (t) => {
    const server = await start(t, { concurrency: 2, latency_ms: 60 });
    const url = `${server.url}/v1/chat/completions`;
    const started_ms = performance.now();
    const answers = Array.from({ length: 6 }, (_, i) => chat(server, ask(`q${i}`)));
    const left = request(url, { method: "POST", body: JSON.stringify(ask("left")), signal: AbortSignal.timeout(50) });
    await assert.rejects(left);
    assert.ok((await Promise.all(answers)).every((answer) => answer.status === 200));
    assert.ok(performance.now() - started_ms >= 170);
    assert.equal(server.stats().max_concurrency, 7);
    await Promise.all(Array.from({ length: 4 }, () => chat(server, ask())));
    assert.equal(server.stats().concurrency, 0);
  });
});

describe("the process", () => {
  const main = join(import.meta.dirname, "../../../tools/mock-llm/main.ts");

  test("prints its URL, and on SIGTERM answers who is waiting before it goes", async (t) => {
    const child = spawn(process.execPath, [main, "--port", "0", "--latency-ms", "300"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const url = /^mock-llm listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line.toString())?.[1];
    assert.ok(url);
    const exited = once(child, "exit");
    const answer = post(`${url}/v1/chat/completions`, ask());
    await sleep(100);
    child.kill("SIGTERM");
    assert.equal((await answer).status, 200);
    assert.deepEqual(await exited, [0, null]);
  });

  for (const [flags, code, said] of [
    [["--help"], 0, /Examples:/],
    [["--port", "x"], 1, /whole number/],
    [["--faults", "429,boom"], 1, /Unknown fault 'boom'/],
  ] as const) {
    test(flags.join(" "), async () => {
      const child = spawn(process.execPath, [main, ...flags]);
      let text = "";
      child.stdout.on("data", (data) => (text += data));
      child.stderr.on("data", (data) => (text += data));
      assert.deepEqual(await once(child, "close"), [code, null]);
      assert.match(text, said);
    });
  }

  test("a port that is taken is named", async (t) => {
    const server = await start(t);
    await assert.rejects(startMockLlm({ port: Number(new URL(server.url).port) }), { code: "port_taken" });
  });
});
