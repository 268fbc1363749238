/** Carried bytes: what goes in comes out, byte for byte, and a wrong offset never makes a wrong value. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { splice, unsplice } from "../../../../libs/shared/events/splice.ts";

/** Objects as they are on the wire, with any text in them, and without the carried property. */
const head = fc
  .dictionary(
    fc.string({ unit: "binary", maxLength: 8 }).filter((name) => name !== "request" && name !== "__proto__"),
    fc.jsonValue({ maxDepth: 2 }),
    { noNullPrototype: true },
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const carried = fc.jsonValue({ maxDepth: 3 }).map((value) => Buffer.from(JSON.stringify(value)));

/** What `splice` gives, in one piece. */
function spliced(...args: Parameters<typeof splice>): { readonly json: Buffer; readonly carried_at: number } {
  const { json, carried_at } = splice(...args);
  return { json: Buffer.concat(json), carried_at };
}

describe("splice", () => {
  test("writes an object whose last property is the carried bytes", () => {
    const { json, carried_at } = spliced({ id: "a" }, "request", Buffer.from('{ "x" : 1 }'));
    assert.equal(json.toString(), '{"id":"a","request":{ "x" : 1 }}');
    assert.equal(json.toString("utf8", carried_at, json.length - 1), '{ "x" : 1 }');
  });

  test("an empty head has no comma", () => {
    assert.equal(spliced({}, "request", Buffer.from("1")).json.toString(), '{"request":1}');
  });

  test("is read back byte for byte with its offset, by value without", () => {
    fc.assert(
      fc.property(head, carried, (first, second) => {
        const { json, carried_at } = spliced(first, "request", second);
        const fast = unsplice(json, "request", String(carried_at));
        assert.deepEqual(fast.head, first);
        assert.ok(fast.carried?.equals(second));
        const slow = unsplice(json, "request", undefined);
        assert.deepEqual(slow.head, first);
        assert.deepEqual(JSON.parse(String(slow.carried)), JSON.parse(second.toString()));
      }),
    );
  });

  test("the carried bytes are not looked into: an unusual spelling stays", () => {
    const odd = Buffer.from('{"a":1.0e+2,"a":"\\u0041"}');
    const { json, carried_at } = spliced({ id: "é" }, "request", odd);
    assert.ok(unsplice(json, "request", String(carried_at)).carried?.equals(odd));
  });

  test("a wrong offset reads the right value, or fails as what is not JSON does", () => {
    const offset = fc.oneof(fc.integer().map(String), fc.string({ maxLength: 6 }), fc.double().map(String));
    fc.assert(
      fc.property(head, carried, offset, (first, second, at) => {
        const { json, carried_at } = spliced(first, "request", second);
        fc.pre(at.trim() !== String(carried_at));
        try {
          const read = unsplice(json, "request", at);
          assert.deepEqual(read.head, first);
          assert.deepEqual(JSON.parse(String(read.carried)), JSON.parse(second.toString()));
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error));
        }
      }),
    );
  });

  test("an object without the property carries nothing", () => {
    assert.deepEqual(unsplice(Buffer.from('{"id":"a"}'), "request", undefined), {
      head: { id: "a" },
      carried: undefined,
    });
  });

  for (const text of ["", "{", '{"id":', "nonsense"]) {
    test(`${JSON.stringify(text)} is no JSON`, () => {
      assert.throws(() => unsplice(Buffer.from(text), "request", undefined), SyntaxError);
      assert.throws(() => unsplice(Buffer.from(text), "request", "3"), SyntaxError);
    });
  }
});
