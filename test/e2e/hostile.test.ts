/** Requests that mean harm, by topic and by HTTP: each is refused with a reason, none reaches the router, and nothing is hurt. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import { inLane } from "../../libs/shared/events/topics.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { Random } from "../../tools/simulate/random.ts";
import { SERVICE_NAMES } from "../../tools/stack/services.ts";
import { GARBAGE } from "../support/garbage.ts";
import { HOSTILE, withTenant } from "../support/hostile.ts";
import { leaks } from "../support/leaks.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, type Produced, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const NAME = "hostile";
/** Comes through every hop, so that the fate of a record without a usable id can be told. */
const MARK = "tracestate";
const COUNT_MIN = 200;
const GOOD = 10;

type Sent = { readonly kind: string; readonly mark: string; readonly record: Produced };
type Reply = { readonly status: number; readonly text: string };

describe("hostile requests", () => {
  let pipeline: Pipeline;
  let refused = 0;
  let good: string[] = [];
  before(async () => {
    pipeline = await startPipeline({ name: NAME });
    good = Array.from({ length: GOOD }, (_, index) => pipeline.id(`good-${index}`));
  });
  after(() => pipeline?.stop());

  test("by the topic: each is one refusal or one dead letter, and says why", async () => {
    const all = [...hostile("plain"), ...hostile("framed"), ...garbage()];
    const goods = good.map((id) => ({ key: id, value: { tenant: "demo", id, body: chat(id) } }));
    for (let at = 0; at < all.length; at += 20) {
      await pipeline.produce([...goods.splice(0, 1), ...all.slice(at, at + 20).map(({ record }) => record)]);
    }
    await pipeline.produce(goods);
    await pipeline.resultsOf(good);
    await pipeline.settled();
    const letters = Map.groupBy(pipeline.dlq.records, ({ headers }) => headers[MARK]);
    const results = Map.groupBy(pipeline.results.records, ({ headers }) => headers[MARK]);
    for (const { kind, mark } of all) checkFate(kind, letters.get(mark) ?? [], results.get(mark) ?? []);
    refused += all.length;
  });

  test("by HTTP: each is told its mistake in OpenAI's shape", async () => {
    for (const { kind, text } of HOSTILE) {
      checkReply(kind, await post("/v1/requests", text));
      refused += 1;
    }
    for (const { kind, text } of HOSTILE.filter(({ text }) => text.startsWith('{"body":'))) {
      // As a body of OpenAI's, the envelope is no better.
      checkReply(kind, await post("/v1/chat/completions", text));
      refused += 1;
    }
  });

  test("by HTTP: headers and paths too", async () => {
    const fine = JSON.stringify({ body: chat("never") });
    const cases: readonly (readonly [string, number, Record<string, string>])[] = [
      ["no key", 401, { authorization: "" }],
      ["a key of another make", 401, { authorization: `Bearer ${"k".repeat(5_000)}` }],
      ["an idempotency key that is too long", 400, { "idempotency-key": "k".repeat(300) }],
      ["a content type that is none", 415, { "content-type": "application/x-evil" }],
      ["headers without end", 431, { "x-long": "h".repeat(64 * 1024) }],
    ];
    for (const [kind, status, headers] of cases) {
      const reply = await post("/v1/requests", fine, headers);
      assert.equal(reply.status, status, `${kind}: ${reply.text}`);
      refused += 1;
    }
    for (const header of [
      "X-Evil: a\u0000b",
      "Idempotency-Key: a\u0001b",
      "Evil\u0007: x",
      "X-Evil: a\rX-Other: b",
      "traceparent: \u007f\u0000",
    ]) {
      assert.match(await rawPost(header, fine), /^HTTP\/1\.1 400 /, JSON.stringify(header));
      refused += 1;
    }
    for (const path of [
      "/v1/requests/..%2f..%2fetc",
      "/v1/requests/%00",
      "/v1/requests/__proto__",
      "/v1/requests/%0d%0aX:1",
    ]) {
      const reply = await fetch(`${pipeline.gateway_url}${path}`, { headers: bearer() });
      assert.equal(reply.status, 404, path);
      refused += 1;
    }
  });

  test("none reached the router, and every service is well", async (t) => {
    await pipeline.settled();
    const { kafka, names } = pipeline;
    const admitted = [names.admitted, inLane(names.admitted, "batch")];
    const records = (await Promise.all(admitted.map((topic) => TopicLog.readAll(kafka, topic)))).flat();
    assert.deepEqual(records.map((record) => (jsonOf(record) as { id: string }).id).toSorted(), good.toSorted());
    const calls = (await pipeline.calls(1)).map(({ id }) => id);
    assert.deepEqual(calls.toSorted(), good.toSorted());
    const results = await pipeline.resultsOf(good);
    for (const id of good) assert.equal(only(results, id).status, "succeeded");
    for (const name of SERVICE_NAMES) {
      for (const path of ["/healthz", "/readyz"]) {
        assert.equal((await fetch(`${pipeline.processes.url(name)}${path}`)).status, 200, `${name}${path}`);
      }
    }
    assert.deepEqual(pipeline.processes.deaths, []);
    assert.equal(await pipeline.rows(), pipeline.results.records.length);
    assert.ok(refused >= COUNT_MIN, `${refused} were refused`);
    t.diagnostic(`${refused} refused, ${pipeline.dlq.records.length} dead letters, ${good.length} good ones answered`);
  });

  test("no log holds a prompt, an answer or a key", () => assert.deepEqual(leaks(pipeline, NAME), []));

  function hostile(form: "plain" | "framed"): Sent[] {
    return HOSTILE.map(({ kind, text }, index) => {
      const json = Buffer.from(withTenant(text, "demo"));
      const value = form === "plain" ? json : pipeline.codec.encode(pipeline.names.requests, json);
      return sent(`${kind}, ${form}`, `${form}=${index}`, value);
    });
  }

  function garbage(): Sent[] {
    const random = new Random(5);
    const { record_bytes_max } = pipeline.settings.topics;
    return Object.entries(GARBAGE).map(([kind, make], index) => {
      const id = pipeline.id(`bad-${index}`);
      const frame = (json: Buffer) => pipeline.codec.encode(pipeline.names.requests, json);
      return sent(kind, `garbage=${index}`, make({ random, id, record_bytes_max, frame }).value);
    });
  }

  function sent(kind: string, mark: string, value: Buffer | null): Sent {
    const headers = {
      [MARK]: mark,
      "sluice-tenant": "a\u0000b\r\n",
      "sluice-origin": "\u001b[2J",
      evil: "\u0007\u0000",
    };
    return { kind, mark, record: { key: mark, value, headers } };
  }

  function bearer(): Record<string, string> {
    return { authorization: `Bearer ${pipeline.api_key}` };
  }

  async function post(path: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    const response = await fetch(`${pipeline.gateway_url}${path}`, {
      method: "POST",
      headers: { ...bearer(), "content-type": "application/json", ...headers },
      body,
    });
    return { status: response.status, text: await response.text() };
  }

  /** As no client library would let it: the header goes out as it is. */
  function rawPost(header: string, body: string): Promise<string> {
    const { hostname, port } = new URL(pipeline.gateway_url);
    const head = `POST /v1/requests HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${pipeline.api_key}\r\n`;
    const rest = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
    return new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(`${head}${header}\r\n${rest}`));
      socket.on("data", (data) => {
        answer += data.toString("latin1");
      });
      socket.on("close", () => resolve(answer));
      socket.on("error", reject);
    });
  }
});

function checkReply(kind: string, { status, text }: Reply): void {
  assert.ok(status >= 400 && status < 500, `${kind}: HTTP ${status} ${text.slice(0, 200)}`);
  const { error } = JSON.parse(text) as { error: { message: string; type: string; code: string } };
  assert.ok(error.message.length > 0 && error.code.length > 0, kind);
  assert.equal(error.type, "invalid_request_error", kind);
  assert.ok(text.length < 10_000, `${kind}: the reason is short`);
}

function checkFate(kind: string, letters: readonly InRecord[], results: readonly InRecord[]): void {
  assert.equal(
    letters.length + results.length,
    1,
    `${kind}: ${letters.length} dead letters, ${results.length} results`,
  );
  const [letter, result] = [letters[0], results[0]];
  if (letter !== undefined) {
    assert.ok((letter.headers["sluice-error-code"] ?? "").length > 0, kind);
    assert.ok((letter.headers["kafka_dlt-exception-message"] ?? "").length > 0, kind);
    return;
  }
  const { status, error } = jsonOf(result as InRecord) as Result;
  assert.equal(status, "rejected", kind);
  assert.ok((error?.code ?? "").length > 0 && (error?.message ?? "").length > 0, kind);
}
