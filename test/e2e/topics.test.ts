/** Topic in, exactly one Result out: framings, repeats, lanes, deadlines and refusals. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import { leaks } from "../support/leaks.ts";
import { jsonOf } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

describe("topic in, result out", () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await startPipeline({ name: "topics", log_level: "debug" });
  });
  after(() => pipeline.stop());

  /** Produces one request and returns its only Result. */
  async function ask(request: { readonly id: string } & Record<string, unknown>): Promise<Result> {
    await pipeline.produce([{ value: { tenant: "demo", ...request } }]);
    return only(await pipeline.resultsOf([request.id]), request.id);
  }

  test("a chat request", async () => {
    const id = pipeline.id("chat");
    const result = await ask({ id, body: chat("hello"), metadata: { team: "a" } });
    assert.equal(result.status, "succeeded");
    assert.equal(result.tenant, "demo");
    assert.deepEqual(result.metadata, { team: "a" });
    assert.equal(result.route?.tier, "small");
    assert.equal(result.route?.attempts, 1);
    assert.equal(result.response?.["object"], "chat.completion");
    assert.ok((result.usage?.completion_tokens ?? 0) > 0 && (result.usage?.cost_usd ?? 0) > 0);
    assert.equal(result.usage?.estimated, false);
    const { received = 0, admitted = 0, routed = 0, dispatched = 0, completed = 0 } = result.timing;
    const times = [received, admitted, routed, dispatched, completed];
    assert.deepEqual(
      times,
      times.toSorted((left, right) => left - right),
    );
  });

  test("an embeddings request", async () => {
    const result = await ask({ id: pipeline.id("embeddings"), body: { input: ["one", "two"] } });
    assert.equal(result.status, "succeeded");
    assert.equal(result.route?.tier, "embedding");
    assert.equal((result.response?.["data"] as unknown[] | undefined)?.length, 2);
  });

  test("a tier and a model by name", async () => {
    const tier = await ask({ id: pipeline.id("tier"), tier: "large", body: chat("by tier") });
    assert.equal(tier.route?.model, "gpt-4.1");
    const model = await ask({ id: pipeline.id("model"), body: chat("by model", { model: "gpt-4.1" }) });
    assert.equal(model.route?.tier, "large");
  });

  test("a request without an id gets one from its place", async () => {
    const known = pipeline.results.records.length;
    await pipeline.produce([{ value: { tenant: "demo", body: chat("no id") }, partition: 2 }]);
    await pipeline.results.until(
      () => pipeline.results.records.length > known,
      () => "the result",
    );
    const result = jsonOf(pipeline.results.records.at(-1) as never) as Result;
    assert.match(result.id, new RegExp(`^${pipeline.names.requests}-2-\\d+$`));
    assert.equal(result.status, "succeeded");
  });

  test("our own wire format", async () => {
    const id = pipeline.id("wire");
    const json = Buffer.from(JSON.stringify({ id, tenant: "demo", body: chat("framed") }));
    await pipeline.produce([{ value: pipeline.codec.encode(pipeline.names.requests, json) }]);
    assert.equal(only(await pipeline.resultsOf([id]), id).status, "succeeded");
  });

  test("the same id and content again is one result and one model call, whatever its spelling", async () => {
    const id = pipeline.id("repeat");
    const request = { id, tenant: "demo", body: chat("once") };
    const spelled = `{ "body": ${JSON.stringify(request.body)},\n "tenant": "demo", "id": "${id}" }`;
    await pipeline.produce([{ value: request }, { value: request }]);
    await pipeline.resultsOf([id]);
    await pipeline.produce([{ value: request }, { value: spelled, key: "elsewhere" }]);
    await pipeline.settled();
    assert.equal(only(await pipeline.resultsOf([id]), id).status, "succeeded");
    const calls = (await pipeline.calls(1)).filter((one) => one.id === id);
    assert.deepEqual(
      calls.map((one) => one.calls),
      [1],
    );
  });

  test("the same id with other content is a dead letter, its bytes untouched", async () => {
    const id = pipeline.id("conflict");
    await ask({ id, body: chat("first") });
    const other = Buffer.from(JSON.stringify({ id, tenant: "demo", body: chat("second") }));
    const known = pipeline.dlq.records.length;
    await pipeline.produce([{ value: other, headers: { mine: "kept" }, key: "k" }]);
    const letter = (await pipeline.deadLetters(known + 1))[known];
    assert.ok(letter);
    assert.deepEqual(letter.value, other);
    assert.equal(letter.key?.toString(), "k");
    assert.equal(letter.headers["mine"], "kept");
    assert.equal(letter.headers["sluice-error-code"], "id_conflict");
    assert.equal(letter.headers["kafka_dlt-original-topic"], pipeline.names.requests);
    await pipeline.settled();
    only(await pipeline.resultsOf([id]), id);
  });

  test("the same id of another tenant is another request", async () => {
    const id = pipeline.id("shared");
    await pipeline.produce([
      { value: { id, tenant: "demo", body: chat("a") } },
      { value: { id, tenant: "other", body: chat("b") } },
    ]);
    const both = await until("both results", async () => {
      const results = (await pipeline.resultsOf([id])).get(id) ?? [];
      return results.length === 2 && results;
    });
    assert.deepEqual(both.map(({ tenant }) => tenant).toSorted(), ["demo", "other"]);
  });

  test("work of the batch lane goes by its own topics", async () => {
    const [asked, implied] = [pipeline.id("lane-asked"), pipeline.id("lane-implied")];
    await pipeline.produce([
      { value: { id: asked, tenant: "demo", lane: "batch", body: chat("asked") } },
      {
        topic: pipeline.names.batch(pipeline.names.requests),
        value: { id: implied, tenant: "demo", body: chat("implied") },
      },
    ]);
    const results = await pipeline.resultsOf([asked, implied]);
    for (const id of [asked, implied]) assert.equal(only(results, id).status, "succeeded");
  });

  test("a deadline that has passed is an expired result without a model call", async () => {
    const id = pipeline.id("late");
    const result = await ask({ id, deadline: "2020-01-01T00:00:00Z", body: chat("late") });
    assert.equal(result.status, "expired");
    assert.equal(result.error?.code, "deadline_exceeded");
    assert.equal(result.error?.param, "deadline");
    assert.ok(!(await pipeline.calls(1)).some((one) => one.id === id));
  });

  const refusals: readonly (readonly [what: string, request: object, code: string, param: string])[] = [
    ["an unknown tenant", { tenant: "nobody", body: chat("x") }, "tenant_unknown", "tenant"],
    ["an unknown tier", { tier: "huge", body: chat("x") }, "model_unknown", "tier"],
    ["an unknown model", { body: chat("x", { model: "no-such" }) }, "model_unknown", "body.model"],
    ["a tier of the other kind", { tier: "embedding", body: chat("x") }, "model_unknown", "tier"],
    [
      "a wrong role",
      { body: { messages: [{ role: "boss", content: "x" }] } },
      "invalid_request",
      "body.messages[0].role",
    ],
    ["an unknown field", { body: chat("x"), urgent: true }, "invalid_request", ""],
    ["both bodies", { body: { ...chat("x"), input: "x" } }, "invalid_request", "body"],
  ];
  for (const [index, [what, request, code, param]] of refusals.entries()) {
    test(`${what} is rejected, and the field is named`, async () => {
      const result = await ask({ id: pipeline.id(`refused-${index}`), ...request });
      assert.equal(result.status, "rejected");
      assert.equal(result.error?.code, code);
      assert.equal(result.error?.param, param);
      assert.equal(result.error?.type, "invalid_request_error");
    });
  }

  test("trace headers come through every hop", async () => {
    const id = pipeline.id("trace");
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await pipeline.produce([{ value: { id, tenant: "demo", body: chat("trace") }, headers: { traceparent } }]);
    await pipeline.resultsOf([id]);
    const record = pipeline.results.records.find((one) => (jsonOf(one) as Result).id === id);
    assert.equal(record?.headers["traceparent"], traceparent);
    assert.equal(record?.key?.toString(), id);
  });

  test("one session's requests are answered under its key, in order", async () => {
    const ids = Array.from({ length: 10 }, (_, index) => pipeline.id(`session-${index}`));
    const session = pipeline.id("session");
    await pipeline.produce(ids.map((id) => ({ key: session, value: { id, tenant: "demo", session, body: chat(id) } })));
    await pipeline.resultsOf(ids);
    const mine = pipeline.results.records.filter(({ key }) => key?.toString() === session);
    assert.deepEqual(
      mine.map((record) => (jsonOf(record) as Result).id),
      ids,
    );
  });

  test("every result has one row", async () => {
    await pipeline.settled();
    assert.equal(await pipeline.rows(), pipeline.results.records.length);
  });

  test("no log holds a prompt, an answer or a key", () => assert.deepEqual(leaks(pipeline, "topics"), []));
});
