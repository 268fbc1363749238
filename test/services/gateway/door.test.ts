/** The door itself, on a real socket: whatever is sent, the answer has OpenAI's error shape, and no call is held for ever. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, test } from "node:test";
import { systemClock } from "../../../libs/shared/clock.ts";
import { gatewaySchema } from "../../../libs/shared/config/gateway.ts";
import { closeGently } from "../../../services/gateway/closing.ts";
import { type Fixture, KEY, listening, type Script } from "./gateway-fixture.ts";

const AUTHORIZED = { authorization: `Bearer ${KEY}` };
const JSON_TYPE = { ...AUTHORIZED, "content-type": "application/json" };
const ASK = JSON.stringify({ messages: [{ role: "user", content: "hi" }] });

let open: Fixture | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function setUp(settings: object = {}, script?: Script) {
  open = await listening(script, { settings: gatewaySchema.parse(settings) });
  return open;
}

/** What comes back for these bytes, until the connection is closed. */
async function raw(url: string, ...parts: string[]): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  for (const part of parts) socket.write(part);
  await once(socket, "close");
  return text;
}

function parsed(text: string): { status: number; error: { code: string; type: string; message: string } } {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  assert.match(head, /content-type: application\/json/i);
  return { status: Number(head.split(" ")[1]), ...(JSON.parse(body) as { error: never }) };
}

describe("the door", () => {
  test("answers bytes that are no HTTP, and headers without end, in OpenAI's shape", async () => {
    const { url } = await setUp();
    const garbage = parsed(await raw(url, "nonsense\r\n\r\n"));
    assert.deepEqual([garbage.status, garbage.error.code], [400, "invalid_request"]);
    const method = parsed(await raw(url, "FOO /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert.equal(method.status, 400);
    const large = parsed(await raw(url, `GET / HTTP/1.1\r\nhost: x\r\na: ${"b".repeat(20_000)}\r\n\r\n`));
    assert.equal(large.status, 431);
    const smuggled = "POST /v1/requests HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    assert.equal(parsed(await raw(url, smuggled)).status, 400);
  });

  test("takes JSON alone, and says so", async () => {
    const { url } = await setUp();
    for (const type of [
      "text/plain",
      "application/xml",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
    ]) {
      const headers = { ...AUTHORIZED, "content-type": type };
      const reply = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: ASK });
      const { error } = (await reply.json()) as { error: { code: string; message: string } };
      assert.deepEqual([reply.status, error.code], [415, "media_type_unsupported"]);
      assert.match(error.message, /application\/json/);
    }
  });

  test("refuses JSON that is none, too large, or poisons prototypes", async () => {
    const { url } = await setUp({ body_bytes_max: 1_000 });
    for (const [body, status, code] of [
      ["{", 400, "invalid_request"],
      ['{"__proto__":{"a":1},"messages":[]}', 400, "invalid_request"],
      ['{"constructor":{"prototype":{"a":1}}}', 400, "invalid_request"],
      [JSON.stringify({ a: "x".repeat(2_000) }), 413, "request_too_large"],
      ["", 400, "invalid_request"],
    ] as const) {
      const reply = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers: JSON_TYPE, body });
      const { error } = (await reply.json()) as { error: { code: string } };
      assert.deepEqual([reply.status, error.code], [status, code], body.slice(0, 20));
    }
  });

  test("takes an empty body where none is needed, whatever type is named for it", async () => {
    const { url } = await setUp();
    const reply = await fetch(`${url}/v1/requests/r1/cancel`, { method: "POST", headers: JSON_TYPE });
    assert.equal(reply.status, 404);
  });

  test("says which methods a path takes, and knows ids of full length", async () => {
    const { url } = await setUp();
    const wrong = await fetch(`${url}/v1/chat/completions?a=b`, { headers: AUTHORIZED });
    const { error } = (await wrong.json()) as { error: { code: string } };
    assert.deepEqual([wrong.status, error.code, wrong.headers.get("allow")], [405, "method_not_allowed", "POST"]);
    assert.equal((await fetch(`${url}/v1/requests/r1`, { method: "DELETE" })).headers.get("allow"), "GET, HEAD");
    const unknown = await fetch(`${url}/v1/nothing`, { method: "POST" });
    assert.deepEqual(
      [unknown.status, ((await unknown.json()) as { error: { code: string } }).error.code],
      [404, "not_found"],
    );
    const long = await fetch(`${url}/v1/requests/${"a".repeat(200)}`, { headers: AUTHORIZED });
    assert.match(await long.text(), /there is no such request/);
    const bad = await fetch(`${url}/v1/requests/%zz`, { headers: AUTHORIZED });
    assert.equal(bad.status, 400);
    assert.equal(((await bad.json()) as { error: { code: string } }).error.code, "invalid_request");
  });

  test("puts the same headers on every reply", async () => {
    const { url } = await setUp();
    for (const path of ["/healthz", "/v1/nothing", "/v1/requests/r1", "/openapi.json"]) {
      const { headers } = await fetch(url + path);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("cache-control"), "no-store");
      assert.match(headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    }
  });

  test("gives up a body that does not come to its end", async () => {
    const { url } = await setUp({ request_ms_max: 50 });
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{`;
    const slow = parsed(await raw(url, head));
    assert.deepEqual([slow.status, slow.error.code], [408, "request_timeout"]);
  });

  test("closes gently: calls under way end, new ones are told to come again", async () => {
    const ids: string[] = [];
    const { url, app, pipe, waiting, streams } = await setUp({}, ({ id }) => void ids.push(id));
    const ask = () => fetch(`${url}/v1/chat/completions`, { method: "POST", headers: JSON_TYPE, body: ASK });
    const under_way = ask();
    // A second connection, which is kept alive.
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    const half = "POST /v1/requests/r1/cancel HTTP/1.1\r\nhost: x\r\n";
    socket.write(half);
    while (ids.length === 0) await new Promise(setImmediate);
    const resumable = { close: async () => undefined };
    const closing = { clock: systemClock, drain_ms: 60_000, resumable, waiting, streams };
    const closed = closeGently(app, closing);
    await new Promise(setImmediate);
    socket.write("\r\n");
    await once(socket, "close");
    assert.match(text, /^HTTP\/1.1 503 /);
    assert.match(text, /connection: close/i);
    assert.match(text, /x-should-retry: true/i);
    pipe.end(ids[0] as string, { response: { ok: true } });
    const reply = await under_way;
    assert.deepEqual([reply.status, reply.headers.get("connection")], [200, "close"]);
    await reply.text();
    await closed;
  });

  test("closes in time: who still waits then is told where its result will be, in a stream too", async () => {
    const ids: string[] = [];
    const { url, app, pipe, waiting, streams } = await setUp({}, ({ id }) => void ids.push(id));
    const body = JSON.stringify({ ...JSON.parse(ASK), stream: true });
    const silent = fetch(`${url}/v1/chat/completions`, { method: "POST", headers: JSON_TYPE, body: ASK });
    const streamed = fetch(`${url}/v1/chat/completions`, { method: "POST", headers: JSON_TYPE, body });
    while (ids.length < 2) await new Promise(setImmediate);
    const chunk = JSON.stringify({ choices: [{ index: 0, delta: { content: "a" } }] });
    for (const id of ids) {
      pipe.following.token(id, { kind: "start", attempt: 1, model: "m", endpoint: "e" }, { kind: "token", chunk });
    }
    const begun = await streamed;
    const resumable = { close: async () => undefined };
    await closeGently(app, { clock: systemClock, drain_ms: 1, resumable, waiting, streams });
    assert.equal((await silent).status, 504);
    assert.match(await begun.text(), /\/v1\/requests\/req_.*result_pending/);
  });
});
