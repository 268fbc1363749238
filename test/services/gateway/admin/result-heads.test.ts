/** What stands before the answer in a Result's text. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { headOf } from "../../../../services/gateway/admin/result-heads.ts";

describe("a Result's head", () => {
  test("is read from a text that is cut off in the answer", () => {
    const head = { id: "a", tenant: "demo", status: "succeeded", timing: {} };
    const whole = JSON.stringify({ ...head, response: { text: "long".repeat(100) } });
    assert.deepEqual(headOf(whole.slice(0, 120)), head);
  });

  test("is the whole of a Result without an answer", () => {
    const head = { id: "a", tenant: "demo", status: "failed", timing: {}, error: { code: "x" } };
    assert.deepEqual(headOf(JSON.stringify(head)), head);
  });

  test("holds whatever a caller's metadata is called", () => {
    const pairs = fc.dictionary(fc.constantFrom("response", "a", '","response":'), fc.string(), { maxKeys: 3 });
    fc.assert(
      fc.property(pairs, fc.string(), (metadata, text) => {
        const head = { id: "a", metadata, timing: { completed: 1 } };
        const json = JSON.stringify({ ...head, response: { text } });
        assert.deepEqual(headOf(json), JSON.parse(JSON.stringify(head)));
      }),
    );
  });

  test("is none of a text that is cut off before it", () => {
    assert.equal(headOf('{"id":"a","metadata":{"b"'), undefined);
  });
});
