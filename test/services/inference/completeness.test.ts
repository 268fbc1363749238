/** Which answers are whole (I5). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isComplete } from "../../../services/inference/completeness.ts";

const choice = (more: object = {}, message: object = { content: "yes" }) => ({
  ...{ index: 0, finish_reason: "stop", message: { role: "assistant", ...message } },
  ...more,
});
const chat = (...choices: unknown[]): boolean => isComplete("chat", { choices });

describe("a chat answer", () => {
  test("is whole when every choice ended by itself and says something", () => {
    assert.equal(chat(choice()), true);
    assert.equal(chat(choice(), choice({ index: 1 })), true);
    assert.equal(chat(choice({}, { content: "yes", refusal: null })), true);
    const tool_calls = [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }];
    assert.equal(chat(choice({ finish_reason: "tool_calls" }, { content: null, tool_calls })), true);
    assert.equal(chat(choice({}, { content: null, tool_calls })), true);
  });

  test("is not whole when one choice was cut off, held back, refused, empty or has no end", () => {
    for (const finish_reason of ["length", "content_filter", null, undefined, "error"]) {
      assert.equal(chat(choice({ finish_reason })), false, String(finish_reason));
      assert.equal(chat(choice(), choice({ finish_reason })), false, String(finish_reason));
    }
    assert.equal(chat(choice({}, { content: "no", refusal: "I cannot" })), false);
    assert.equal(chat(choice({}, { content: "I’m sorry, but I can’t help with that." })), false);
    for (const content of ["", null, undefined, 5]) assert.equal(chat(choice({}, { content })), false);
    assert.equal(chat(choice({ finish_reason: "tool_calls" }, { content: null, tool_calls: [] })), false);
  });

  test("of a shape that nobody expects is not whole", () => {
    for (const choices of [[], [null], [{}], [{ finish_reason: "stop", message: null }], "x", undefined]) {
      assert.equal(isComplete("chat", { choices }), false);
    }
  });
});

describe("embeddings", () => {
  test("are whole when every one is there", () => {
    assert.equal(isComplete("embeddings", { data: [{ embedding: [0.1] }, { embedding: "AAAA" }] }), true);
    for (const data of [[], [{ embedding: [] }], [{ embedding: [1] }, {}], [null], undefined]) {
      assert.equal(isComplete("embeddings", { data }), false);
    }
  });
});
