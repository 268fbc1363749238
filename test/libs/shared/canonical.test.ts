/** Equal content has one spelling and one hash. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { canonicalJson, contentHash } from "../../../libs/shared/canonical.ts";

/** The same value with the members of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [key, reversed(member)] as const);
  return Object.fromEntries(members.toReversed());
}

describe("canonical JSON", () => {
  test("sorts keys by code unit at every depth and leaves no white space", () => {
    assert.equal(
      canonicalJson({ b: [{ d: 1, c: null }], a: "ü", B: true }),
      '{"B":true,"a":"ü","b":[{"c":null,"d":1}]}',
    );
  });

  test("lists keep their order", () => {
    assert.notEqual(contentHash([1, 2]), contentHash([2, 1]));
  });

  test("an absent member and an undefined one are the same", () => {
    assert.equal(canonicalJson({ a: undefined, b: 1 }), canonicalJson({ b: 1 }));
  });

  test("reads back as the value it was", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("does not depend on the order of keys or on white space", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(contentHash(reversed(value)), contentHash(value));
        assert.equal(contentHash(JSON.parse(JSON.stringify(value, null, 3))), contentHash(value));
      }),
    );
  });

  test("different content, different hash", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        const same = JSON.stringify(left) === JSON.stringify(right);
        fc.pre(!same && canonicalJson(left) !== canonicalJson(right));
        assert.notEqual(contentHash(left), contentHash(right));
      }),
    );
  });

  test("the hash is SHA-256 in hex", () => {
    assert.equal(contentHash({}), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  });
});
