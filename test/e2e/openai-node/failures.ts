/** Failures, what the client tries again, callers that go away, and idempotency keys, by the client for Node. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI from "openai";
import { BODY_BYTES_MAX } from "../../support/clients/pipeline.ts";
import { until } from "../../support/until.ts";
import { ask, collect, type Given, textOf } from "./given.ts";

type Kind = abstract new (...given: never[]) => InstanceType<typeof OpenAI.APIError>;

export function failureTests(given: Given): void {
  const refused = (call: Promise<unknown>, kind: Kind, status: number, code: string) =>
    assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof kind, String(error));
      assert.deepEqual([error.status, error.code], [status, code]);
      assert.ok(error.message.length > 0);
      return true;
    });
  const chat = (content: string, more: object = {}, client = given.client) =>
    client.chat.completions.create(ask(content, more));

  describe("failures", () => {
    test("are of the client's own classes", async () => {
      const { BadRequestError, AuthenticationError, PermissionDeniedError, NotFoundError, APIError } = OpenAI;
      await refused(chat("x", { temperature: 9 }), BadRequestError, 400, "invalid_request");
      await refused(chat("[[mock fault=400]]"), BadRequestError, 400, "provider_rejected");
      const stranger = given.clientOf({ apiKey: "slc_unknown" });
      await refused(chat("x", {}, stranger), AuthenticationError, 401, "api_key_invalid");
      const reader = given.clientOf({ apiKey: given.on.reader_key });
      await refused(chat("x", {}, reader), PermissionDeniedError, 403, "scope_missing");
      await refused(chat("x", { model: "none" }), NotFoundError, 404, "model_unknown");
      await refused(given.client.get("/nothing"), NotFoundError, 404, "not_found");
      await refused(chat("x".repeat(BODY_BYTES_MAX)), APIError, 413, "request_too_large");
      await refused(chat("[[mock fault=500]]"), OpenAI.InternalServerError, 502, "provider_error");
    });

    test("of a stream before its first token have their own status, later ones are raised by the reader", async () => {
      const stream = (content: string) => given.client.chat.completions.create({ ...ask(content), stream: true });
      await refused(stream("[[mock fault=400]] stream"), OpenAI.BadRequestError, 400, "provider_rejected");
      const broken = await stream("[[mock fault=truncate tokens=40 itl_ms=5]] stream");
      await assert.rejects(collect(broken), (error: unknown) => {
        assert.ok(error instanceof OpenAI.APIError);
        assert.equal(error.code, "provider_stream_broken");
        return true;
      });
    });

    test("429 is waited out by the client, as long as it is told to", async () => {
      const apiKey = given.on.limited_key;
      const impatient = given.clientOf({ apiKey });
      const rejected = await until("the limit is reached", async () => {
        const calls = await Promise.allSettled([1, 2, 3].map(() => chat("limited", {}, impatient)));
        return calls.flatMap((call) => (call.status === "rejected" ? [call.reason as unknown] : [])).at(-1);
      });
      assert.ok(rejected instanceof OpenAI.RateLimitError);
      assert.equal(rejected.code, "rate_limited");
      assert.ok(Number(rejected.headers.get("retry-after-ms")) <= 1_000);
      assert.ok(Number(rejected.headers.get("retry-after")) >= 1);
      assert.equal(rejected.headers.get("x-ratelimit-remaining-requests"), "0");
      const patient = given.clientOf({ apiKey, maxRetries: 3 });
      assert.equal((await chat("limited", {}, patient)).object, "chat.completion");
    });

    test("5xx is tried again by the client, what would be paid for twice is not", async () => {
      const patient = given.clientOf({ maxRetries: 2 });
      const { data } = await patient.chat.completions
        .create({ ...ask("[[fail 1]] heals"), model: "echo" })
        .withResponse();
      assert.ok(data.choices[0]?.message.content?.includes("heals"));
      const before = (await given.pipeline.mockStats()).calls;
      await refused(chat("[[mock fault=garbage]]", {}, patient), OpenAI.InternalServerError, 502, "provider_garbage");
      assert.equal((await given.pipeline.mockStats()).calls, before + 1);
    });
  });

  describe("a caller that goes away", () => {
    test("has its answer later: the request goes on", async () => {
      const headers = { "idempotency-key": given.pipeline.id("late") };
      const body = ask("[[mock latency_ms=1000]] late");
      const hurried = given.client.chat.completions.create(body, { headers, timeout: 300 });
      await assert.rejects(hurried, OpenAI.APIConnectionTimeoutError);
      const { data, response } = await given.client.chat.completions.create(body, { headers }).withResponse();
      const id = response.headers.get("x-sluice-id") ?? "";
      const kept = (await given.stored(id)).result["response"];
      assert.deepEqual((kept as typeof data).choices, data.choices);
      assert.equal(await given.callsOf(id), 1);
    });

    test("that wants it so, takes the request with it", async () => {
      const abort = new AbortController();
      const headers = { "x-sluice-on-disconnect": "cancel", "idempotency-key": given.pipeline.id("gone") };
      const body = ask("[[mock latency_ms=60000]] gone");
      const { calls } = await given.pipeline.mockStats();
      const call = given.client.chat.completions.create(body, { headers, signal: abort.signal });
      await until("the model is called", async () => (await given.pipeline.mockStats()).calls > calls);
      abort.abort();
      await assert.rejects(call, OpenAI.APIUserAbortError);
      await until("no call is under way", async () => (await given.pipeline.mockStats()).concurrency === 0);
      const again = given.client.chat.completions.create(body, { headers });
      await refused(again, OpenAI.APIError, 499, "cancelled");
    });
  });

  describe("an idempotency key", () => {
    test("makes two calls one request, as an answer and as a stream", async () => {
      const headers = { "idempotency-key": given.pipeline.id("key") };
      const body = ask("once", { seed: 3 });
      const first = await given.client.chat.completions.create(body, { headers }).withResponse();
      const second = await given.client.chat.completions.create(body, { headers }).withResponse();
      const id = first.response.headers.get("x-sluice-id") ?? "";
      assert.equal(second.response.headers.get("x-sluice-id"), id);
      assert.equal(second.response.headers.get("idempotent-replayed"), "true");
      assert.equal(first.response.headers.get("idempotent-replayed"), null);
      assert.deepEqual(second.data.choices, first.data.choices);
      assert.equal(await given.callsOf(id), 1);
      const other = given.client.chat.completions.create(ask("something else"), { headers });
      await refused(other, OpenAI.UnprocessableEntityError, 422, "idempotency_key_reused");
    });

    test("gives a stream again", async () => {
      const headers = { "idempotency-key": given.pipeline.id("stream-key") };
      const body = { ...ask("[[mock tokens=30]] streamed once"), stream: true } as const;
      const first = await given.client.chat.completions.create(body, { headers }).withResponse();
      const chunks = await collect(first.data);
      const id = first.response.headers.get("x-sluice-id") ?? "";
      await given.stored(id);
      const second = await given.client.chat.completions.create(body, { headers }).withResponse();
      assert.equal(second.response.headers.get("x-sluice-id"), id);
      assert.equal(textOf(await collect(second.data)), textOf(chunks));
      assert.equal(await given.callsOf(id), 1);
    });
  });
}
