/** The committed JSON Schemas are the generated ones, and no event changes under the feet of an old reader. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { breaksReaderOf, type JsonSchema, jsonSchemaOf } from "../../../../libs/shared/events/json-schema.ts";
import { EVENT_SCHEMAS, type EventName } from "../../../../libs/shared/events/topics.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
const EVENTS = Object.keys(EVENT_SCHEMAS) as EventName[];

const pathOf = (event: EventName): string => `libs/shared/events/schemas/${event}.json`;
const inTree = (event: EventName): string | undefined => {
  const file = join(ROOT, pathOf(event));
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
};

/** The file as git's last commit has it; as it lies in the tree where there is no git, or no such file in it. */
function lastCommitted(event: EventName): string | undefined {
  const shown = spawnSync("git", ["show", `HEAD:${pathOf(event)}`], { cwd: ROOT, encoding: "utf8" });
  return shown.status === 0 ? shown.stdout : inTree(event);
}

describe("the schemas of the events", () => {
  for (const event of EVENTS) {
    test(`${event}: the file is what zod says`, () => {
      const text = inTree(event);
      assert.ok(text !== undefined, `${pathOf(event)} is missing: run npm run schemas`);
      assert.deepEqual(JSON.parse(text), jsonSchemaOf(event), `${pathOf(event)} is out of date: run npm run schemas`);
    });

    test(`${event}: a reader of the last commit's schema reads what is written now`, () => {
      const last = lastCommitted(event);
      assert.ok(last !== undefined, `${pathOf(event)} is missing: run npm run schemas`);
      assert.deepEqual(breaksReaderOf(JSON.parse(last) as JsonSchema, jsonSchemaOf(event)), []);
    });

    test(`${event}: a schema never breaks itself`, () => {
      assert.deepEqual(breaksReaderOf(jsonSchemaOf(event), jsonSchemaOf(event)), []);
    });
  }

  test("no file is left of an event that is gone", () => {
    const files = readdirSync(join(ROOT, "libs/shared/events/schemas")).toSorted();
    assert.deepEqual(files, EVENTS.map((event) => `${event}.json`).toSorted());
  });
});

type Case = readonly [what: string, last: JsonSchema, next: JsonSchema];

const object = (
  properties: Record<string, JsonSchema>,
  required: string[] = [],
  more: JsonSchema = {},
): JsonSchema => ({
  type: "object",
  properties,
  ...(required.length > 0 ? { required } : {}),
  ...more,
});
const text = { type: "string" };
const number = { type: "number" };
const whole = { type: "integer" };
const none = { type: "null" };
const closed = { additionalProperties: false };
const open = { additionalProperties: {} };

const BREAKS: readonly Case[] = [
  ["a required field is removed", object({ a: text }, ["a"]), object({})],
  ["a required field becomes optional", object({ a: text }, ["a"]), object({ a: text })],
  ["a field changes its type", object({ a: text }), object({ a: number })],
  ["a whole number becomes any number", whole, number],
  ["a field may now be null", object({ a: text }), object({ a: { type: ["string", "null"] } })],
  ["a field may now be null, as a union", object({ a: text }), object({ a: { anyOf: [text, none] } })],
  ["a field may now be anything", object({ a: text }), object({ a: {} })],
  ["an enum has a new value", { type: "string", enum: ["a"] }, { type: "string", enum: ["a", "b"] }],
  ["an enum becomes free text", { type: "string", enum: ["a"] }, text],
  ["a constant changes", { const: "a" }, { const: "b" }],
  ["a constant becomes an enum", { const: "a" }, { enum: ["a", "b"] }],
  ["a new field under additionalProperties false", object({}, [], closed), object({ a: text }, [], closed)],
  ["unknown fields become allowed", object({ a: text }, [], closed), object({ a: text })],
  [
    "a new field of another type than all others",
    object({}, [], { additionalProperties: text }),
    object({ a: number }),
  ],
  ["the values of a map change", { type: "object", additionalProperties: text }, { type: "object", ...open }],
  ["the values of a map are no longer said", { type: "object", additionalProperties: text }, { type: "object" }],
  ["the names of a map get longer", { propertyNames: { maxLength: 3 } }, { propertyNames: { maxLength: 4 } }],
  ["a field that strangers may still write is no longer checked", object({ a: text }, [], open), object({}, [], open)],
  ["an alternative is new", { anyOf: [text, number] }, { anyOf: [text, number, none] }],
  ["an alternative gets wider", { anyOf: [object({ a: text }, ["a"]), text] }, { anyOf: [object({}), text] }],
  ["a union becomes anything", { anyOf: [text, number] }, {}],
  ["items change their type", { type: "array", items: text }, { type: "array", items: number }],
  ["items are no longer said", { type: "array", items: text }, { type: "array" }],
  ["a tuple changes", { type: "array", items: [text] }, { type: "array", items: [number] }],
  [
    "deep inside",
    object({ a: object({ b: { type: "array", items: object({ c: text }, ["c"]) } }) }),
    object({ a: object({ b: { type: "array", items: object({ c: text }) } }) }),
  ],
  ["a text may be longer", { type: "string", maxLength: 3 }, { type: "string", maxLength: 4 }],
  ["a text may be empty", { type: "string", minLength: 1 }, text],
  ["a number may be lower", { type: "number", minimum: 1 }, { type: "number", minimum: 0 }],
  ["a number may be the bound itself", { type: "number", exclusiveMinimum: 0 }, { type: "number", minimum: 0 }],
  ["a number may be a large bound itself", { type: "number", exclusiveMaximum: 1e6 }, { type: "number", maximum: 1e6 }],
  ["a list may be longer", { type: "array", maxItems: 16 }, { type: "array", maxItems: 17 }],
  ["a constant is too long", { type: "string", maxLength: 3 }, { const: "four" }],
  ["a constant does not match the pattern", { type: "string", pattern: "^a" }, { const: "b" }],
  ["another pattern", { type: "string", pattern: "^a" }, { type: "string", pattern: "^ab" }],
  ["a format is gone", { type: "string", format: "uri" }, text],
  [
    "what stands beside a union and cannot be merged with it",
    { maxLength: 3, anyOf: [{ maxLength: 9 }] },
    { maxLength: 9 },
  ],
  ["a reference that cannot be seen through", object({ a: text }), { $ref: "#/definitions/a" }],
  ["a definition changes", { $ref: "#/d", definitions: { d: text } }, { $ref: "#/d", definitions: { d: number } }],
];

const FITS: readonly Case[] = [
  ["an optional field becomes required", object({ a: text }), object({ a: text }, ["a"])],
  ["an optional field is no longer written", object({ a: text }), object({})],
  ["an optional field is no longer allowed", object({ a: text }, [], closed), object({}, [], closed)],
  ["a new field where unknown ones are taken", object({}), object({ a: text }, ["a"])],
  [
    "a new field of the type of all others",
    object({}, [], { additionalProperties: text }),
    object({ a: text }, [], closed),
  ],
  ["a reader that takes anything", {}, object({ a: text })],
  ["a number becomes whole", number, whole],
  ["a type is dropped", { type: ["string", "null"] }, text],
  ["a union written as a list of types", { anyOf: [{ type: "boolean" }, none] }, { type: ["boolean", "null"] }],
  ["a list of types written as a union", { type: ["boolean", "null"] }, { anyOf: [none, { type: "boolean" }] }],
  ["alternatives in another order", { anyOf: [text, number] }, { anyOf: [number, text] }],
  ["one alternative is left", { anyOf: [text, number] }, text],
  ["a single one becomes a union of the same", text, { anyOf: [{ const: "a" }, { const: "b" }] }],
  ["an enum loses a value", { enum: ["a", "b"] }, { enum: ["a"] }],
  ["an enum written as constants", { enum: ["a", "b"] }, { anyOf: [{ const: "a" }, { const: "b" }] }],
  ["constants written as an enum", { anyOf: [{ const: "a" }, { const: "b" }] }, { enum: ["a", "b"] }],
  ["text becomes an enum", { type: "string", minLength: 1, pattern: "^[ab]$" }, { enum: ["a", "b"] }],
  [
    "bounds get tighter",
    { type: "string", minLength: 1, maxLength: 9 },
    { type: "string", minLength: 2, maxLength: 8 },
  ],
  ["above zero, said in another way", { type: "integer", exclusiveMinimum: 0 }, { type: "integer", minimum: 1 }],
  ["a pattern is new", text, { type: "string", pattern: "^a" }],
  ["only words change", { ...text, description: "a", title: "b" }, { ...text, description: "c", default: "d" }],
  ["what stands beside a union", { type: "object", anyOf: [object({ a: text }, ["a"])] }, object({ a: text }, ["a"])],
];

describe("breaksReaderOf", () => {
  for (const [what, last, next] of BREAKS) {
    test(`breaks: ${what}`, () => assert.notDeepEqual(breaksReaderOf(last, next), []));
  }
  for (const [what, last, next] of FITS) {
    test(`fits: ${what}`, () => assert.deepEqual(breaksReaderOf(last, next), []));
  }

  test("a break names where it is", () => {
    const last = object({ body: object({ messages: { type: "array", items: object({ role: text }, ["role"]) } }) });
    const next = object({ body: object({ messages: { type: "array", items: object({ role: number }, ["role"]) } }) });
    assert.deepEqual(breaksReaderOf(last, next), ["$.body.messages[].role: may now be number, was string"]);
  });

  test("every break is told, not the first alone", () => {
    const last = object({ a: text, b: text }, ["a", "b"]);
    assert.equal(breaksReaderOf(last, object({ a: number }, ["a"])).length, 2);
  });
});
