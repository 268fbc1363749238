/** From a file's lines to entries: what the router will find, what is left out, what is refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FileSurvey } from "../../../cli/cache/survey.ts";
import { entryFor, type WarmContext, type WarmEntry } from "../../../cli/cache/warm-entry.ts";
import { readRow } from "../../../cli/cache/warm-row.ts";
import { answering, answeringNames } from "../../../libs/shared/cache/answering.ts";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { cacheEntrySchema } from "../../../libs/shared/events/cache.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { cacheAskOf } from "../../../services/router/cache/ask.ts";
import { readRequest } from "../../../services/router/reading.ts";

const SETTINGS = parseSettings(readFileSync("sluice.yaml", "utf8"), "sluice.yaml");
const NOW_MS = 1_700_000_000_000;
const sensitive = (text: string) => (text.includes("secret") ? "a secret" : undefined);
const CONTEXT: WarmContext = {
  settings: SETTINGS,
  tenant: "demo",
  tier: undefined,
  label: undefined,
  ttl_ms: 60_000,
  sensitive,
  sideOf: () => ({}),
};

function entry(line: object, more: Partial<WarmContext> = {}): WarmEntry {
  const read = readRow(JSON.stringify(line), {});
  assert.ok(read.ok, read.ok ? "" : read.reason);
  const made = entryFor(read.row, { ...CONTEXT, ...more }, NOW_MS);
  assert.ok(made.kind === "entry", JSON.stringify(made));
  return made.entry;
}

/** As the router asks for a request, read from the bytes that ingest admits. */
function asked(head: Partial<AdmittedHead>, body: object) {
  const model = (body as { model?: string }).model;
  const whole: AdmittedHead = {
    ...{ id: "r", tenant: "demo", content_hash: "h", kind: "chat", lane: "interactive", timing: { received: 1 } },
    ...(model === undefined ? {} : { model }),
    // What ingest makes of plan and prices is no part of the question.
    max_output_tokens: 4_000,
    ...head,
  };
  const read = readRequest("chat", Buffer.from(JSON.stringify({ tenant: "demo", body })), 1e6);
  const models = answeringNames(answering(whole, SETTINGS));
  const { output_tokens_max } = read;
  const context = { settings: SETTINGS.cache, models, output_tokens_max, sensitive };
  const ask = cacheAskOf(whole, read.body, read.facts, context);
  assert.ok(!("bypass" in ask));
  return ask;
}

const user = (content: string) => ({ role: "user", content });
const rows: readonly (readonly [string, object, Partial<WarmContext>, Partial<AdmittedHead>, object])[] = [
  ["a prompt", { prompt: "Hi" }, {}, {}, { messages: [user("Hi")] }],
  ["auto", { prompt: "Hi" }, {}, {}, { model: "auto", messages: [user("Hi")], stream: true, user: "u" }],
  [
    "a system prompt",
    { prompt: "Hi", system: "S" },
    {},
    {},
    { messages: [{ role: "system", content: "S" }, user("Hi")] },
  ],
  ["a tier", { prompt: "Hi" }, { tier: "small" }, { tier: "small" }, { messages: [user("Hi")] }],
  ["a tier by model", { prompt: "Hi" }, { tier: "small" }, {}, { model: "small", messages: [user("Hi")] }],
  ["a model", { prompt: "Hi", model: "gpt-4.1" }, {}, {}, { model: "gpt-4.1", messages: [user("Hi")] }],
  [
    "messages",
    { messages: [user("A"), { role: "assistant", content: "B" }, user("C")] },
    {},
    {},
    { messages: [user("A"), { role: "assistant", content: "B" }, user("C")] },
  ],
  [
    "parameters",
    { body: { temperature: 0, messages: [user("Hi")] } },
    {},
    {},
    { messages: [user("Hi")], temperature: 0 },
  ],
  [
    "a namespace",
    { prompt: "Hi" },
    { label: "faq" },
    { metadata: { cache_namespace: "faq" } },
    { messages: [user("Hi")] },
  ],
];
for (const [name, row, context, head, body] of rows) {
  test(`the router finds an entry by ${name}`, () => {
    const { head: made } = entry({ ...row, answer: "Hello" }, context);
    const ask = asked(head, body);
    assert.deepEqual([made.entry_id, made.namespace, made.text], [ask.entry_id, ask.namespace, ask.text]);
  });
}

test("an answer becomes a chat completion; the entry says that it was warmed", () => {
  const { head, response } = entry({ prompt: "Hi", answer: "Hello" });
  const { choices, model } = JSON.parse(response.toString());
  assert.deepEqual([choices[0].message.content, choices[0].finish_reason, model], ["Hello", "stop", "gpt-4.1-mini"]);
  assert.deepEqual(
    [head.request_id, head.tier, head.model, head.expires_ms],
    ["warmed", "small", "gpt-4.1-mini", NOW_MS + 60_000],
  );
  assert.ok(cacheEntrySchema.safeParse({ ...head, response: JSON.parse(response.toString()) }).success);
});

test("a response goes as it is", () => {
  const response = {
    id: "x",
    model: "other",
    choices: [{ finish_reason: "stop", message: { role: "assistant", content: "Yes" } }],
  };
  const made = entry({ prompt: "Hi", response });
  assert.deepEqual(JSON.parse(made.response.toString()), response);
  assert.equal(made.head.model, "other");
});

const choice = (finish_reason: string, more: object = {}) => ({
  choices: [{ finish_reason, message: { role: "assistant", content: "x", ...more } }],
});
const bad: readonly (readonly [string, unknown, RegExp])[] = [
  ["no JSON", "{", /not JSON/],
  ["no object", 1, /must be a JSON object/],
  ["no question", { answer: "x" }, /needs one of "prompt"/],
  ["two questions", { prompt: "a", messages: [user("a")], answer: "x" }, /needs one of "prompt"/],
  ["no answer", { prompt: "a" }, /needs one of "answer"/],
  ["an empty answer", { prompt: "a", answer: " " }, /must not be empty/],
  ["a field that nobody knows", { prompt: "a", answer: "x", temperature: 1 }, /temperature/],
  [
    "a system prompt beside a body",
    { body: { messages: [user("a")] }, system: "s", answer: "x" },
    /belong into "body"/,
  ],
  ["messages that are none", { messages: [{ role: "nobody" }], answer: "x" }, /role/],
  ["a body for embeddings", { body: { input: "a" }, answer: "x" }, /messages/],
  ["an answer that was cut off", { prompt: "a", response: choice("length") }, /finish_reason/],
  ["an answer that says nothing", { prompt: "a", response: choice("stop", { content: "" }) }, /say something/],
  ["a refusal", { prompt: "a", response: choice("stop", { refusal: "no" }) }, /refusal/],
  [
    "more choices than were asked for",
    { prompt: "a", response: { choices: [choice("stop").choices[0], choice("stop").choices[0]] } },
    /2 choices/,
  ],
];
for (const [name, row, reason] of bad) {
  test(`refused: ${name}`, () => {
    const read = readRow(typeof row === "string" ? row : JSON.stringify(row), {});
    assert.ok(!read.ok);
    assert.match(read.reason, reason);
  });
}

test("a file is known before any of it is written: what is bad, left out, or asked before", () => {
  const survey = new FileSurvey({ context: CONTEXT, defaults: { system: "S" }, now_ms: NOW_MS });
  const lines = [
    { prompt: "One?", answer: "1" },
    { prompt: "my secret?", answer: "no" },
    { prompt: "One?", answer: "one" },
    { prompt: "Two?" },
    { prompt: "Three?", model: "nobody's", answer: "3" },
    { messages: [{ role: "system", content: "S" }, user("Two?")], answer: "2" },
    { prompt: "Two?", model: "auto", answer: "two" },
  ].map((line, at) => ({ number: at + 1, text: JSON.stringify(line) }));
  for (const line of lines) survey.add(line);
  survey.add({ number: 8, problem: "too long" });
  const { bad: refused, ...rest } = survey.result;
  assert.deepEqual(
    refused.map(({ line }) => line),
    [4, 5, 8],
  );
  assert.deepEqual(rest, {
    lines: 8,
    entries: 2,
    sensitive: [{ line: 2, what: "a secret" }],
    duplicates: [
      { line: 3, first: 1 },
      { line: 7, first: 6 },
    ],
  });
  assert.deepEqual(
    lines.map((line) => survey.entryOf(line) !== undefined),
    [true, false, false, false, false, true, false],
  );
});

test("what the settings have no room for is refused", () => {
  const read = readRow(JSON.stringify({ prompt: "x".repeat(300_000), answer: "y" }), {});
  assert.ok(read.ok);
  assert.equal(entryFor(read.row, CONTEXT, NOW_MS).kind, "bad");
  const long = readRow(JSON.stringify({ prompt: "x", answer: "y".repeat(300_000) }), {});
  assert.ok(long.ok);
  assert.equal(entryFor(long.row, CONTEXT, NOW_MS).kind, "bad");
});
