/** The text of an answer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ANSWER_CHARS_MAX, answerText } from "../../../../libs/shared/events/answer-text.ts";

const said = (content: unknown, tool_calls?: unknown) => ({ choices: [{ message: { content, tool_calls } }] });
const call = (args: unknown) => [{ type: "function", function: { name: "f", arguments: args } }];

describe("the text of an answer", () => {
  const table: readonly (readonly [string, unknown, string | undefined])[] = [
    ["words", said("Paris."), "Paris."],
    ["a call, in one spelling", said(null, call('{ "b": 1, "a": [2] }')), 'f({"a":[2],"b":1})'],
    ["words and a call", said("Wait.", call("{}")), "Wait.\nf({})"],
    ["arguments that are no JSON", said(null, call("{")), "f({)"],
    ["nothing said", said(null), undefined],
    ["no choices", { choices: [] }, undefined],
    ["a strange choice", { choices: [7] }, undefined],
    ["a null", null, undefined],
    ["nothing", undefined, undefined],
    ["embeddings", { data: [] }, undefined],
  ];
  for (const [what, response, expected] of table) {
    test(`of ${what}`, () => assert.equal(answerText(response), expected));
  }

  test("is shortened, and not in the middle of a character", () => {
    assert.equal(answerText(said("x".repeat(ANSWER_CHARS_MAX + 5)))?.length, ANSWER_CHARS_MAX);
    const text = answerText(said(`${"x".repeat(ANSWER_CHARS_MAX - 1)}😀`));
    assert.equal(text?.length, ANSWER_CHARS_MAX - 1);
  });
});
