/** Streamed answers, cancels and deadlines on the real parts: what a follower reads, and what the Result then says. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import {
  answerOf,
  assertConsecutive,
  lastAttempt,
  readTokenStreams,
  type TokenStreamReader,
  textOf,
} from "../support/token-streams.ts";
import { until } from "../support/until.ts";

/** What a deadline may be overrun by on a busy machine: far less than any time-out or pause that could be mistaken for it. */
const SLACK_MS = 1_500;
const SLOW_MS = 6_000;

describe("streams, cancels and deadlines", () => {
  let pipeline: Pipeline;
  let streams: TokenStreamReader;
  before(async () => {
    const settings = {
      // Calls are shared within a partition.
      topics: { partitions: 1 },
      inference: { retry: { base_ms: 20, cap_ms: 200 } },
      tiers: { embedding: { batching: { wait_ms: 500 } } },
    };
    pipeline = await startPipeline({ name: "streams", settings });
    streams = await readTokenStreams(pipeline);
  });
  after(async () => {
    streams?.close();
    await pipeline?.stop();
  });

  async function ask(request: { readonly id: string } & Record<string, unknown>): Promise<Result> {
    await pipeline.produce([{ value: { tenant: "demo", ...request } }]);
    return only(await pipeline.resultsOf([request.id]), request.id);
  }
  async function callsOf(id: string): Promise<number> {
    return (await pipeline.calls(1)).find((one) => one.id === id)?.calls ?? 0;
  }
  async function post(path: string, body?: object): Promise<number> {
    const response = await fetch(`${pipeline.gateway_url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
      ...(body === undefined ? { body: "{}" } : { body: JSON.stringify(body) }),
    });
    await response.body?.cancel();
    return response.status;
  }

  test("tokens come one by one, and put together they are the Result's answer", async () => {
    const id = pipeline.id("tokens");
    const result = await ask({ id, body: chat("[[mock tokens=40 itl_ms=5]] tokens", { stream: true }) });
    assert.equal(result.status, "succeeded");
    assert.equal(result.response?.["object"], "chat.completion");
    assert.equal(result.usage?.completion_tokens, 40);
    assert.equal(result.usage?.estimated, false);
    const { dispatched = 0, first_token = 0, completed = 0 } = result.timing;
    assert.ok(dispatched > 0 && dispatched <= first_token && first_token <= completed);

    const entries = await streams.ended(id);
    assertConsecutive(entries);
    const [start, ...others] = entries.map(({ event }) => event);
    assert.deepEqual(start, { kind: "start", attempt: 1, model: "gpt-4.1-mini", endpoint: "default" });
    assert.deepEqual(others.at(-1), { kind: "end", status: "succeeded", usage: result.usage });
    assert.ok(others.length > 20, "as they came, not as one");
    assert.ok(others.slice(0, -1).every(({ kind }) => kind === "token"));
    assert.ok(answerOf(result).length > 0);
    assert.equal(textOf(entries), answerOf(result));
  });

  test("a stream that fails before its first token is tried again, and a reader sees the last attempt alone", async () => {
    const id = pipeline.id("again");
    const result = await ask({ id, body: chat("[[mock tokens=12 fault=500:2]] again", { stream: true }) });
    assert.equal(result.status, "succeeded");
    assert.equal(result.route?.attempts, 3);
    const attempt = lastAttempt(await streams.ended(id));
    assertConsecutive(attempt);
    const start = attempt[0]?.event;
    assert.equal(start?.kind === "start" && start.attempt, 3);
    assert.equal(textOf(attempt), answerOf(result));
  });

  test("a stream that breaks after tokens fails, is charged by what came, and is not called again", async () => {
    const id = pipeline.id("broken");
    const result = await ask({ id, body: chat("[[mock tokens=60 itl_ms=2 fault=reset]] broken", { stream: true }) });
    assert.deepEqual([result.status, result.error?.code], ["failed", "provider_stream_broken"]);
    assert.equal(result.usage?.estimated, true);
    assert.ok((result.usage?.completion_tokens ?? 0) > 0 && (result.usage?.cost_usd ?? 0) > 0);
    const entries = await streams.ended(id);
    assertConsecutive(entries);
    assert.ok(textOf(entries).length > 0);
    assert.deepEqual(entries.at(-1)?.event, { kind: "end", status: "failed", usage: result.usage });
    assert.equal(await callsOf(id), 1);
  });

  test("a cancel while it streams ends the call at the model, and what came is charged", async () => {
    const id = pipeline.id("cancel");
    const { aborted } = await pipeline.mockStats();
    const body = chat("[[mock tokens=2000 itl_ms=50]] long", { stream: true });
    assert.equal(await post("/v1/requests", { id, body }), 202);
    await until("tokens come", async () => textOf(await streams.read(id)).length > 0);
    assert.equal(await post(`/v1/requests/${id}/cancel`), 202);
    const result = only(await pipeline.resultsOf([id]), id);
    assert.deepEqual([result.status, result.error?.code], ["cancelled", "cancelled"]);
    assert.equal(result.usage?.estimated, true);
    assert.ok((result.usage?.completion_tokens ?? 0) > 0);
    await until("the model sees the client leave", async () => (await pipeline.mockStats()).aborted > aborted);
    const end = (await streams.ended(id)).at(-1)?.event;
    assert.equal(end?.kind === "end" && end.status, "cancelled");
    assert.equal(await callsOf(id), 1);
    assert.equal(await post(`/v1/requests/${id}/cancel`), 200, "what has ended stays as it is");
  });

  test("a cancel that comes before the job is one without a call", async () => {
    const id = pipeline.id("early");
    await pipeline.processes.stop("inference");
    assert.equal(await post("/v1/requests", { id, body: chat("early") }), 202);
    assert.equal(await post(`/v1/requests/${id}/cancel`), 202);
    await pipeline.processes.start("inference");
    const result = only(await pipeline.resultsOf([id]), id);
    assert.deepEqual([result.status, result.error?.code], ["cancelled", "cancelled"]);
    assert.equal(result.usage, undefined);
    assert.equal(await callsOf(id), 0);
  });

  test("a deadline that passes in the middle of a call ends it then", async () => {
    const deadline_ms = Date.now() + 2_500;
    const body = chat("[[mock latency_ms=60000]] slow");
    const result = await ask({ id: pipeline.id("slow"), deadline: new Date(deadline_ms).toISOString(), body });
    assert.deepEqual([result.status, result.error?.code], ["expired", "deadline_exceeded"]);
    assert.ok((result.timing.completed ?? Number.POSITIVE_INFINITY) <= deadline_ms + SLACK_MS);
  });

  test("a deadline that passes in the middle of a stream ends it then, and what came is charged", async () => {
    const deadline_ms = Date.now() + 3_000;
    const id = pipeline.id("slow-stream");
    const body = chat("[[mock tokens=2000 itl_ms=50]] long", { stream: true });
    const result = await ask({ id, deadline: new Date(deadline_ms).toISOString(), body });
    assert.deepEqual([result.status, result.error?.code], ["failed", "provider_stream_broken"]);
    assert.ok((result.usage?.cost_usd ?? 0) > 0);
    assert.ok((result.timing.completed ?? Number.POSITIVE_INFINITY) <= deadline_ms + SLACK_MS);
  });

  test("a deadline of an embeddings request is its own, whatever the others of its call may wait for", async () => {
    const [opener, patient, hasty] = ["opener", "patient", "hasty"].map((name) => pipeline.id(name)) as [
      string,
      string,
      string,
    ];
    const embed = (id: string, more: object = {}) => ({ value: { tenant: "demo", id, body: { input: id }, ...more } });
    const callsMade = async () => (await pipeline.mockStats()).by_path["/v1/embeddings"] ?? 0;
    await pipeline.setMock({ latency_ms: SLOW_MS });
    await pipeline.produce([embed(opener)]);
    // While one is under way, those that follow gather.
    await until("a call is under way", async () => (await callsMade()) === 1);
    const deadline_ms = Date.now() + 2_000;
    await pipeline.produce([embed(patient), embed(hasty, { deadline: new Date(deadline_ms).toISOString() })]);
    const late = only(await pipeline.resultsOf([hasty]), hasty);
    const others = await pipeline.resultsOf([opener, patient]);
    assert.equal(await callsMade(), 2, "the two shared a call");
    assert.deepEqual([late.status, late.error?.code], ["expired", "deadline_exceeded"]);
    assert.ok((late.timing.completed ?? Number.POSITIVE_INFINITY) <= deadline_ms + SLACK_MS);
    for (const id of [opener, patient]) assert.equal(only(others, id).status, "succeeded");
  });
});
