/** What a caller is told about a request that does not fit: the field, and what it must be. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { chatBody, embeddingsBody, requestEnvelope } from "../../../../libs/shared/events/request.ts";
import { firstProblem } from "../../../../libs/shared/events/validation.ts";

const envelope = { tenant: "demo", body: {} };
const problem = (
  value: unknown,
  schema: typeof requestEnvelope | typeof chatBody | typeof embeddingsBody,
  root = "",
) => {
  const parsed = schema.safeParse(value);
  return parsed.success ? undefined : firstProblem(parsed.error, root);
};

type Case = readonly [what: string, value: unknown, param: string, message: RegExp];

const ENVELOPES: readonly Case[] = [
  ["no tenant", { body: {} }, "tenant", /^tenant is required$/],
  ["no body", { tenant: "demo" }, "body", /^body is required$/],
  ["a tenant with a space", { ...envelope, tenant: "a b" }, "tenant", /^tenant: must be 1 to 64 characters/],
  ["a tenant of another type", { ...envelope, tenant: 5 }, "tenant", /must be string, received number/],
  ["an unknown field", { ...envelope, lanes: 1 }, "", /^unknown field "lanes"; remove it or correct its spelling$/],
  [
    "an unknown field further down",
    { ...envelope, cache: { thershold: 1 } },
    "cache",
    /^unknown field "thershold" in cache/,
  ],
  ["an unknown lane", { ...envelope, lane: "fast" }, "lane", /"interactive"\|"batch"/],
  ["a deadline in words", { ...envelope, deadline: "tomorrow" }, "deadline", /RFC 3339/],
  ["a deadline without a zone", { ...envelope, deadline: "2026-01-31T12:00:00" }, "deadline", /RFC 3339/],
  ["a callback over FTP", { ...envelope, callback: { url: "ftp://x" } }, "callback.url", /http or https/],
  ["a negative limit", { ...envelope, limits: { max_cost_usd: -1 } }, "limits.max_cost_usd", />0/],
  ["metadata that is no text", { ...envelope, metadata: { a: 5 } }, "metadata.a", /must be string/],
  [
    "too much metadata",
    { ...envelope, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"])) },
    "metadata",
    /at most 16 pairs/,
  ],
  ["no object at all", [], "", /^the request: must be object, received array$/],
];

const CHATS: readonly Case[] = [
  ["no messages", {}, "body.messages", /^body.messages is required$/],
  ["an empty list of messages", { messages: [] }, "body.messages", />=1 items/],
  ["an unknown role", { messages: [{ role: "usr" }] }, "body.messages[0].role", /expected one of "system"/],
  [
    "a content part without a type",
    { messages: [{ role: "user" }, { role: "user", content: [{ text: 1 }] }] },
    "body.messages[1].content[0].type",
    /is required$/,
  ],
  ["a temperature beyond 2", { messages: [{ role: "user" }], temperature: 3 }, "body.temperature", /<=2/],
];

const EMBEDDINGS: readonly Case[] = [
  ["an empty text", { input: "" }, "body.input", />=1 characters/],
  ["an unknown format", { input: "x", encoding_format: "hex" }, "body.encoding_format", /"float"\|"base64"/],
];

describe("firstProblem", () => {
  for (const [what, value, param, message] of ENVELOPES) {
    test(what, () => {
      const found = problem(value, requestEnvelope);
      assert.equal(found?.param, param);
      assert.match(found.message, message);
    });
  }
  for (const [schema, cases] of [
    [chatBody, CHATS],
    [embeddingsBody, EMBEDDINGS],
  ] as const) {
    for (const [what, value, param, message] of cases) {
      test(`body: ${what}`, () => {
        const found = problem(value, schema, "body");
        assert.equal(found?.param, param);
        assert.match(found.message, message);
      });
    }
  }

  test("a field name from a stranger is printed without control characters, and not without end", () => {
    const found = problem({ ...envelope, [`a\n\u001b[31m${"x".repeat(500)}`]: 1 }, requestEnvelope);
    assert.doesNotMatch(found?.message ?? "", /\p{C}/u);
    assert.ok((found?.message.length ?? 0) < 300);
  });

  test("whatever comes in, an answer names a field or the whole, in words", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(requestEnvelope, chatBody, embeddingsBody), (value, schema) => {
        const found = problem(value, schema);
        if (found !== undefined) assert.ok(found.message.length > 5 && !/\p{Cc}/u.test(found.message));
      }),
    );
  });
});
