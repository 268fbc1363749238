/** OpenAI's own client for Node against the gateway: chat, streams, tools, structured output, errors, retries and aborts. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import OpenAI, { APIError } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { gatewaySchema } from "../../../libs/shared/config/gateway.ts";
import { EVENTS_HEADER } from "../../../libs/shared/events/headers.ts";
import type { TokenEvent } from "../../../libs/shared/redis/token-events.ts";
import type { GatewayDeps } from "../../../services/gateway/server.ts";
import { NAMES } from "../../support/memory-ports.ts";
import { type Fixture, KEY, listening, type Pipe, type Script } from "./gateway-fixture.ts";

const HEAD = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 7, model: "m" };
const ASK = { model: "auto", messages: [{ role: "user" as const, content: "hi" }] };
const USAGE = {
  ...{ prompt_tokens: 3, cached_prompt_tokens: 0, completion_tokens: 2, cost_usd: 0.0005, price_version: "1" },
  estimated: false,
};
const COUNTS = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const ROUTE = { tier: "small", model: "m", reason: "", cache: "miss", attempts: 1 } as const;
const START: TokenEvent = { kind: "start", attempt: 1, model: "m", endpoint: "e" };
const END: TokenEvent = { kind: "end", status: "succeeded", usage: USAGE };

const token = (delta: object, more: object = {}): TokenEvent => ({
  kind: "token",
  chunk: JSON.stringify({ ...HEAD, choices: [{ index: 0, delta, finish_reason: null, ...more }] }),
});
const usage: TokenEvent = { kind: "token", chunk: JSON.stringify({ ...HEAD, choices: [], usage: COUNTS }) };
const role = token({ role: "assistant", content: "" });
const stop = token({}, { finish_reason: "stop" });

function answer(message: object, more: object = {}): object {
  const choices = [{ index: 0, message: { role: "assistant", ...message }, logprobs: null, finish_reason: "stop" }];
  return { id: "chatcmpl-1", object: "chat.completion", created: 7, model: "m", choices, usage: COUNTS, ...more };
}
const succeed = (pipe: Pipe, id: string, response: object, cache: "miss" | "exact" = "miss"): void =>
  pipe.end(id, { response: response as never, route: { ...ROUTE, cache }, usage: USAGE }, "r=60,59,20");
const routed = (pipe: Pipe, id: string): void =>
  pipe.following.tell(id, { state: "admitted", rate_room: "r=60,59,20" }, { state: "routed", ...ROUTE });

let open: Fixture | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function setUp(script: Script, more: Partial<GatewayDeps> = {}, maxRetries = 0) {
  open = await listening(script, more);
  const client = new OpenAI({ apiKey: KEY, baseURL: `${open.url}/v1`, maxRetries });
  return { ...open, client };
}

async function text(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let all = "";
  for await (const { choices } of stream) all += choices[0]?.delta.content ?? "";
  return all;
}

const rejected = (call: PromiseLike<unknown>): Promise<APIError> =>
  Promise.resolve(call).then(
    () => assert.fail("it succeeded"),
    (error: unknown) => {
      assert.ok(error instanceof APIError, String(error));
      return error;
    },
  );

describe("OpenAI's client", () => {
  test("has its answer, with what it took in headers", async () => {
    const { client } = await setUp(({ id }, pipe) => succeed(pipe, id, answer({ content: "hello" })));
    const { data, response } = await client.chat.completions.create(ASK).withResponse();
    assert.equal(data.choices[0]?.message.content, "hello");
    const headers = Object.fromEntries(response.headers);
    assert.equal(headers["x-sluice-cost-usd"], "0.000500000");
    assert.deepEqual([headers["x-sluice-tier"], headers["x-sluice-cache"]], ["small", "miss"]);
    assert.equal(headers["x-ratelimit-remaining-requests"], "59");
    assert.match(response.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
  });

  test("reads a stream as it is made, under complete headers", async () => {
    const { client, publisher } = await setUp(({ id }, pipe) => {
      routed(pipe, id);
      pipe.following.token(id, START, role, token({ content: "hel" }));
      setImmediate(() => pipe.following.token(id, token({ content: "lo" }), stop, usage, END));
    });
    const { data, response } = await client.chat.completions.create({ ...ASK, stream: true }).withResponse();
    const headers = Object.fromEntries(response.headers);
    assert.deepEqual(
      [headers["x-sluice-tier"], headers["x-sluice-model"], headers["x-sluice-cache"]],
      ["small", "m", "miss"],
    );
    assert.equal(headers["x-ratelimit-remaining-requests"], "59");
    assert.match(headers["content-type"] ?? "", /^text\/event-stream/);
    assert.equal(headers["trailer"], "x-sluice-cost-usd");
    assert.match(headers["x-sluice-id"] ?? "", /^req_/);
    assert.equal(await text(data), "hello");
    assert.equal(publisher.records[0]?.headers?.[EVENTS_HEADER], "1");
  });

  test("has the usage in the last chunk when it asks, with what it cost", async () => {
    const { client } = await setUp(({ id }, pipe) => {
      routed(pipe, id);
      pipe.following.token(id, START, role, token({ content: "a" }), stop, usage, END);
    });
    const asked = await client.chat.completions.create({
      ...ASK,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of asked) chunks.push(chunk);
    const last = chunks.at(-1) as OpenAI.ChatCompletionChunk & { sluice: object };
    assert.deepEqual([last.choices, last.usage], [[], COUNTS]);
    assert.deepEqual({ ...last.sluice, id: "" }, { id: "", tier: "small", cache: "miss", cost_usd: 0.0005 });
    const unasked = await client.chat.completions.create({ ...ASK, stream: true });
    for await (const chunk of unasked) assert.equal(chunk.usage ?? null, null);
  });

  test("streams an answer out of the cache, whose cost is known at once", async () => {
    const { client } = await setUp(({ id }, pipe) =>
      succeed(pipe, id, answer({ content: "x".repeat(10_000) }), "exact"),
    );
    const { data, response } = await client.chat.completions.create({ ...ASK, stream: true }).withResponse();
    assert.deepEqual(
      [
        response.headers.get("x-sluice-cache"),
        response.headers.get("x-sluice-cost-usd"),
        response.headers.get("trailer"),
      ],
      ["exact", "0.000500000", null],
    );
    assert.equal(response.headers.get("x-ratelimit-remaining-requests"), "59");
    assert.equal((await text(data)).length, 10_000);
  });

  test("puts tools together from a stream, made by the provider or out of the cache", async () => {
    const call = { id: "call_1", type: "function", function: { name: "look", arguments: '{"at":1}' } };
    const live: Script = ({ id }, pipe) => {
      const part = (delta: object) => token({ tool_calls: [{ index: 0, ...delta }] });
      pipe.following.token(
        id,
        ...[START, role, part({ ...call, function: { name: "look", arguments: "" } })],
        ...[part({ function: { arguments: '{"at"' } }), part({ function: { arguments: ":1}" } })],
        ...[token({}, { finish_reason: "tool_calls" }), END],
      );
    };
    const cached: Script = ({ id }, pipe) => {
      const message = { role: "assistant", content: null, tool_calls: [call] };
      succeed(pipe, id, answer({}, { choices: [{ index: 0, message, finish_reason: "tool_calls" }] }), "exact");
    };
    for (const script of [live, cached]) {
      const { client, close } = await setUp(script);
      const stream = client.chat.completions.stream({ ...ASK });
      const final = await stream.finalChatCompletion();
      assert.equal(final.choices[0]?.finish_reason, "tool_calls");
      const [made] = final.choices[0]?.message.tool_calls ?? [];
      assert.equal(made?.type === "function" ? made.function.arguments : undefined, '{"at":1}');
      await close();
    }
  });

  test("parses structured output, streamed and not", async () => {
    const { client, publisher } = await setUp(({ id }, pipe) =>
      succeed(pipe, id, answer({ content: '{"city":"Ulm"}' })),
    );
    const ask = { ...ASK, response_format: zodResponseFormat(z.object({ city: z.string() }), "place") };
    const parsed = await client.chat.completions.parse(ask);
    assert.deepEqual(parsed.choices[0]?.message.parsed, { city: "Ulm" });
    const streamed = await client.chat.completions.stream(ask).finalChatCompletion();
    assert.deepEqual(streamed.choices[0]?.message.parsed, { city: "Ulm" });
    const [sent] = publisher.values(NAMES.requests) as { body: { response_format: { type: string } } }[];
    assert.equal(sent?.body.response_format.type, "json_schema");
  });

  test("has a failure before the first token under its own status, streamed or not", async () => {
    const error = { code: "budget_exceeded", type: "insufficient_quota", message: "no money is left" };
    const { client } = await setUp(({ id }, pipe) => {
      pipe.following.token(id, START, role, { kind: "end", status: "failed" });
      pipe.end(id, { status: "rejected", error });
    });
    for (const stream of [true, false]) {
      const thrown = await rejected(client.chat.completions.create({ ...ASK, stream }));
      assert.deepEqual([thrown.status, thrown.code, thrown.type], [402, "budget_exceeded", "insufficient_quota"]);
      assert.equal(thrown.headers?.get("x-should-retry"), "false");
    }
  });

  test("has a failure after the first token as an error", async () => {
    const error = { code: "provider_stream_broken", type: "api_error", message: "it broke" };
    const { client } = await setUp(({ id }, pipe) => {
      pipe.following.token(id, START, role, token({ content: "a" }), { kind: "end", status: "failed" });
      setImmediate(() => pipe.end(id, { status: "failed", error }));
    });
    const stream = await client.chat.completions.create({ ...ASK, stream: true });
    const thrown = await rejected(text(stream));
    assert.equal(thrown.code, "provider_stream_broken");
  });

  test("goes on with the rest after another attempt, or is told where the whole is", async () => {
    for (const [content, told] of [
      ["hello", "hello"],
      ["other", "stream_broken"],
    ] as const) {
      const { client, close } = await setUp(({ id }, pipe) => {
        pipe.following.token(id, START, role, token({ content: "hel" }), START, role, token({ content: content }), END);
        setImmediate(() => succeed(pipe, id, answer({ content })));
      });
      const stream = await client.chat.completions.create({ ...ASK, stream: true });
      const end = await text(stream).catch((error: APIError) => {
        assert.match(error.message, /\/v1\/requests\/req_/);
        return error.code;
      });
      assert.equal(end, told);
      await close();
    }
  });

  test("sends again what may pass, and nothing else", async () => {
    const codes = [
      ["provider_rate_limited", "failed", 2],
      ["provider_stream_broken", "failed", 1],
      ["budget_exceeded", "rejected", 1],
      ["deadline_exceeded", "expired", 1],
      ["provider_unavailable", "failed", 2],
      ["rate_limited", "rejected", 2],
    ] as const;
    for (const [code, status, calls] of codes) {
      const error = { code, type: "api_error", message: "no", retry_after_ms: 1 };
      const { client, publisher, close } = await setUp(({ id }, pipe) => pipe.end(id, { status, error }), {}, 1);
      await rejected(client.chat.completions.create(ASK));
      assert.equal(publisher.records.length, calls, code);
      await close();
    }
  });

  test("under an idempotency key has the stored answer, as a stream too, and a kept failure only once", async () => {
    let fails = false;
    const { client, publisher } = await setUp(
      ({ id }, pipe) => {
        const error = { code: "provider_unavailable", type: "api_error", message: "no" };
        if (fails) pipe.end(id, { status: "failed", error });
        else succeed(pipe, id, answer({ content: "once" }));
      },
      {},
      2,
    );
    const ask = (idempotencyKey: string) =>
      client.chat.completions.create(
        { ...ASK, stream: true },
        { idempotencyKey, headers: { "idempotency-key": idempotencyKey } },
      );
    assert.equal(await text(await ask("a")), "once");
    const { data, response } = await ask("a").withResponse();
    assert.equal(await text(data), "once");
    assert.equal(response.headers.get("idempotent-replayed"), "true");
    assert.equal(publisher.records.length, 1);
    fails = true;
    await rejected(ask("b"));
    assert.equal(publisher.records.length, 2);
  });

  test("that goes away has its request cancelled or finished, as it says", async () => {
    for (const [header, stream, cancelled] of [
      [undefined, true, true],
      ["finish", true, false],
      [undefined, false, false],
      ["cancel", false, true],
    ] as const) {
      const came = Promise.withResolvers<void>();
      const { client, publisher, waiting, following, close } = await setUp(({ id }, pipe) => {
        if (stream) pipe.following.token(id, START, token({ content: "a" }));
        came.resolve();
      });
      const gone = new AbortController();
      const headers = header === undefined ? {} : { "x-sluice-on-disconnect": header };
      const call = client.chat.completions.create({ ...ASK, stream }, { signal: gone.signal, headers });
      if (stream) await call;
      else call.catch(() => undefined);
      await came.promise;
      gone.abort();
      while (waiting.count > 0 || following.count > 0) await new Promise(setImmediate);
      const events = publisher.values(NAMES.control).map(({ kind }) => kind);
      assert.deepEqual(events, cancelled ? ["cancel"] : [], `${header} ${stream}`);
      await close();
    }
  });

  test("is told of what it says wrongly, and of what cannot be now", async () => {
    const settings = gatewaySchema.parse({ wait_ms_max: 20 });
    const { client, deps } = await setUp(() => undefined, { settings });
    const headers = { "x-sluice-on-disconnect": "maybe" };
    const wrong = await rejected(client.chat.completions.create({ ...ASK, stream: true }, { headers }));
    assert.deepEqual([wrong.status, wrong.param], [400, "x-sluice-on-disconnect"]);
    const late = await rejected(client.chat.completions.create({ ...ASK, stream: true }));
    assert.deepEqual([late.status, late.code, late.headers?.get("x-should-retry")], [504, "result_pending", "false"]);
    assert.equal(deps.wakes.count, 0);
    const key = new OpenAI({ apiKey: "wrong", baseURL: client.baseURL, maxRetries: 0 });
    assert.equal((await rejected(key.chat.completions.create(ASK))).status, 401);
  });
});
