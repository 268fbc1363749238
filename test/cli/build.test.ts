import assert from "node:assert/strict";
import { test } from "node:test";
import { buildPrompt, buildRequest, type Defaults } from "../../cli/requests/build.ts";

const DEFAULTS: Defaults = { tenant: "demo" };
const newId = (): string => "cli_1";

function good(line: string, defaults: Defaults = DEFAULTS): Record<string, unknown> {
  const built = buildRequest(line, defaults, newId);
  assert.ok(built.ok, built.ok ? "" : built.reason);
  return built.request;
}

function reason(line: string, defaults: Defaults = DEFAULTS): string {
  const built = buildRequest(line, defaults, newId);
  assert.equal(built.ok, false);
  return built.ok ? "" : built.reason;
}

test("every shape of a line becomes a request", () => {
  const messages = [{ role: "user", content: "Hi" }];
  const expected = { tenant: "demo", id: "cli_1", body: { messages } };
  assert.deepEqual(good("Hi"), expected);
  assert.deepEqual(good('{"prompt":"Hi"}'), expected);
  assert.deepEqual(good('{"messages":[{"role":"user","content":"Hi"}]}'), expected);
  assert.deepEqual(good('{"tenant":"demo","body":{"messages":[{"role":"user","content":"Hi"}]}}'), expected);
  assert.deepEqual(good('{"input":"Hi"}'), { tenant: "demo", id: "cli_1", body: { input: "Hi" } });
});

test("a prompt on the command line is never read as JSON", () => {
  const built = buildPrompt('{"not": json', DEFAULTS, newId);
  assert.ok(built.ok);
  assert.deepEqual(built.request.body, { messages: [{ role: "user", content: '{"not": json' }] });
});

test("flags fill in what a line leaves open, and no more", () => {
  const flags: Defaults = {
    tenant: "demo",
    model: "large",
    tier: "large",
    system: "Be brief.",
    session: "s",
    lane: "batch",
    deadline: "2026-01-31T12:00:00Z",
    max_output_tokens: 9,
    metadata: { a: "flag", b: "flag" },
  };
  const own =
    '{"tenant":"t2","id":"i","lane":"interactive","metadata":{"a":"line"},"body":{"model":"auto","messages":[{"role":"user","content":"Hi"}]}}';
  assert.deepEqual(good(own, flags), {
    tenant: "t2",
    id: "i",
    tier: "large",
    session: "s",
    lane: "interactive",
    deadline: "2026-01-31T12:00:00Z",
    limits: { max_output_tokens: 9 },
    metadata: { a: "line", b: "flag" },
    body: {
      model: "auto",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
    },
  });
  const has_system = good('{"messages":[{"role":"system","content":"x"},{"role":"user","content":"y"}]}', flags);
  assert.equal((has_system["body"] as { messages: unknown[] }).messages.length, 2);
});

test("fields stand beside a prompt", () => {
  const request = good('{"prompt":"Hi","system":"S","model":"m","session":"s1","id":"own"}');
  assert.equal(request["session"], "s1");
  assert.equal(request["id"], "own");
  assert.deepEqual(request["body"], {
    model: "m",
    messages: [
      { role: "system", content: "S" },
      { role: "user", content: "Hi" },
    ],
  });
});

test("a bad line says what is wrong with it", () => {
  assert.match(reason("{oops}"), /^not JSON/);
  assert.match(reason("{}"), /needs "body"/);
  assert.match(reason('{"prompt":7}'), /prompt: must be text/);
  assert.match(reason('{"prompt":"x","tierr":"small"}'), /unknown field "tierr"/);
  assert.match(reason('{"messages":[]}'), /body\.messages/);
  assert.match(reason('{"body":{"input":"x","messages":[{"role":"user"}]}}'), /either "messages" or "input"/);
  assert.match(reason('{"id":"has space","prompt":"x"}'), /id/);
  assert.match(reason("x", { tenant: "no tenant" }), /tenant/);
});
