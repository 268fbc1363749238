/** Which answers are not good enough, and which are left alone. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { misfit } from "../../../services/inference/fits-schema.ts";
import { refusalIn } from "../../../services/inference/refusals.ts";
import { type Weakness, weakness } from "../../../services/inference/weakness.ts";

const ALL = {
  on: ["low_confidence", "refusal", "invalid_output", "cut_off"] as const,
  mean_logprob_min: -1,
};
const settings = { ...ALL, on: [...ALL.on] };

const says = (content: string, more: object = {}) => ({
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop", ...more }],
});
const logprobs = (...values: number[]) => ({
  logprobs: { content: values.map((logprob) => ({ token: "a", logprob })) },
});
const json_object = { response_format: { type: "json_object" } };
const schema = {
  type: "object",
  properties: { n: { type: "integer", minimum: 1 }, kind: { enum: ["a", "b"] } },
  required: ["n"],
  additionalProperties: false,
};
const json_schema = { response_format: { type: "json_schema", json_schema: { name: "s", schema } } };
const tools = { tools: [{ type: "function", function: { name: "look", parameters: {} } }] };
const calls = (name: string, args: string) => ({
  choices: [
    {
      message: { role: "assistant", content: null, tool_calls: [{ function: { name, arguments: args } }] },
      finish_reason: "tool_calls",
    },
  ],
});

const rows: readonly (readonly [what: string, response: object, body: object, why: Weakness["why"] | undefined])[] = [
  ["a plain answer", says("Four."), {}, undefined],
  ["no choices", { choices: [] }, {}, undefined],
  ["a refusal field", says("", { message: { content: null, refusal: "No." } }), {}, "refusal"],
  ["an empty refusal field", says("", { message: { content: "Yes.", refusal: "" } }), {}, undefined],
  ["a refusal in words", says("I’m sorry, but I can’t help with that."), {}, "refusal"],
  ["a refusal after marks", says('\n**"I cannot assist with this.'), {}, "refusal"],
  ["a refusal in German", says("Es tut mir leid, aber ich kann dazu nichts sagen."), {}, "refusal"],
  ["a refusal in Chinese", says("抱歉，我无法回答。"), {}, "refusal"],
  ["an apology that goes on to answer", says("Sorry for the wait: it is four."), {}, undefined],
  ["an answer about refusing", says('A polite refusal is "I cannot assist with this".'), {}, undefined],
  ["a cut answer", says("and then", { finish_reason: "length" }), {}, "cut_off"],
  ["one that the request cut", says("and then", { finish_reason: "length" }), { max_tokens: 2 }, undefined],
  ["one cut by the other name", says("a", { finish_reason: "length" }), { max_completion_tokens: 2 }, undefined],
  ["JSON as asked", says('{"a":1}'), json_object, undefined],
  ["no JSON", says("a: 1"), json_object, "invalid_output"],
  ["JSON that is no object", says("[1]"), json_object, "invalid_output"],
  ["JSON cut by the request", says('{"a":', { finish_reason: "length" }), { ...json_object, max_tokens: 2 }, undefined],
  ["JSON by schema", says('{"n":2,"kind":"a"}'), json_schema, undefined],
  ["JSON that misses a field", says('{"kind":"a"}'), json_schema, "invalid_output"],
  ["JSON with a field too many", says('{"n":2,"x":1}'), json_schema, "invalid_output"],
  ["JSON with a wrong value", says('{"n":2,"kind":"c"}'), json_schema, "invalid_output"],
  ["text where none was asked to be JSON", says("{"), {}, undefined],
  ["a tool call", calls("look", '{"a":1}'), tools, undefined],
  ["a tool call without arguments", calls("look", ""), tools, undefined],
  ["a tool that is not there", calls("jump", "{}"), tools, "invalid_output"],
  ["arguments that are no JSON", calls("look", "{a"), tools, "invalid_output"],
  ["sure tokens", says("Four.", logprobs(-0.1, -0.4)), {}, undefined],
  ["unsure tokens", says("Four.", logprobs(-0.1, -4)), {}, "low_confidence"],
  ["one impossible token among many sure ones", says("Four.", logprobs(-9999, ...Array(99).fill(-0.1))), {}, undefined],
  ["log-probabilities that are none", says("Four.", { logprobs: { content: [{ logprob: "x" }] } }), {}, undefined],
];

describe("an answer", () => {
  for (const [what, response, body, why] of rows) {
    test(`is ${why ?? "good enough"}: ${what}`, () => {
      assert.equal(weakness(response as never, body as never, settings)?.why, why);
    });
  }

  test("of several choices is weak only when all are", () => {
    const [bad, good] = [says("I cannot assist with this."), says("Four.")];
    const both = { choices: [...bad.choices, ...good.choices] };
    assert.equal(weakness(both, {}, settings), undefined);
    assert.equal(weakness({ choices: [...bad.choices, ...bad.choices] }, {}, settings)?.why, "refusal");
  });

  test("is only looked at for what is asked", () => {
    const unsure = says("I cannot assist with this.", logprobs(-5));
    assert.equal(weakness(unsure, {}, { ...settings, on: ["cut_off"] }), undefined);
    assert.equal(weakness(unsure, {}, { ...settings, on: ["low_confidence"] })?.why, "low_confidence");
  });

  test("never makes it throw, whatever a provider or a caller sends", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.jsonValue(), fc.jsonValue(), (choices, format, given) => {
        weakness({ choices } as never, { response_format: format, tools: given } as never, settings);
        refusalIn(JSON.stringify(given));
      }),
    );
  });
});

describe("a value and a schema", () => {
  const list = { type: "array", items: { $ref: "#/$defs/node" }, minItems: 1 };
  const node = { type: "object", properties: { next: { $ref: "#/$defs/node" } }, required: [] };
  const tree = { ...list, $defs: { node } };
  for (const [value, of, fits] of [
    [1, { type: "string" }, false],
    [null, { type: ["string", "null"] }, true],
    [1.5, { type: "integer" }, false],
    ["abc", { maxLength: 2 }, false],
    [[], tree, false],
    [[{ next: { next: {} } }], tree, true],
    [[{ next: { next: 1 } }], tree, false],
    [1, { anyOf: [{ type: "string" }, { type: "null" }] }, false],
    [1, { anyOf: [{ type: "string" }, { type: "number" }] }, true],
    [1, { allOf: [{ minimum: 0 }, { maximum: 0 }] }, false],
    [{ a: 1 }, { additionalProperties: { type: "string" } }, false],
    [{ a: [1] }, { const: { a: [1] } }, true],
    ["aaaa", { pattern: "^b" }, true],
    [1, { $ref: "#" }, true],
    [1, false, false],
    [1, "no schema", true],
  ] as const) {
    test(`${JSON.stringify(value)} ${fits ? "fits" : "does not fit"} ${JSON.stringify(of)}`, () => {
      assert.equal(misfit(value, of) === undefined, fits);
    });
  }

  test("end, whatever they are", () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (value, of) => void misfit(value, of)));
    const bomb = { anyOf: Array.from({ length: 50 }, () => ({ $ref: "#" })) };
    misfit(1, bomb);
  });
});
