/** API keys: shape, checksum, hash and comparison. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hashKey, KEY_RANDOM_BYTES, keyId, keyMatches, makeKey } from "../../../libs/shared/keys.ts";

const random = fc
  .uint8Array({ minLength: KEY_RANDOM_BYTES, maxLength: KEY_RANDOM_BYTES })
  .map((bytes) => Buffer.from(bytes));

describe("API keys", () => {
  test("the shape: slc, a public id, a secret of 192 bits with its checksum", () => {
    const { key, id } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 0xab));
    assert.match(key, /^slc_(ab){5}_(ab){24}[0-9a-f]{8}$/);
    assert.equal(id, "ab".repeat(5));
  });

  test("a key names its id and matches its hash, which does not hold the secret", () => {
    fc.assert(
      fc.property(random, (bytes) => {
        const { key, id, hash } = makeKey(bytes);
        assert.equal(keyId(key), id);
        assert.equal(hash, hashKey(key));
        assert.ok(keyMatches(key, hash));
        assert.ok(!hash.includes(bytes.subarray(5).toString("hex")));
      }),
    );
  });

  test("one wrong character is told without a look-up", () => {
    fc.assert(
      fc.property(random, fc.nat(), fc.constantFrom(..."0123456789abcdef"), (bytes, place, character) => {
        const { key, hash } = makeKey(bytes);
        const at = 4 + (place % (key.length - 4));
        fc.pre(key[at] !== character);
        const wrong = key.slice(0, at) + character + key.slice(at + 1);
        assert.equal(keyId(wrong), undefined);
        assert.ok(!keyMatches(wrong, hash));
      }),
    );
  });

  test("another key does not match", () => {
    fc.assert(
      fc.property(random, random, (left, right) => {
        fc.pre(!left.equals(right));
        assert.ok(!keyMatches(makeKey(left).key, makeKey(right).hash));
      }),
    );
  });

  for (const text of ["", "slc_", "sk-proj-abc", "slc_ab_cd", `slc_${"AB".repeat(5)}_${"AB".repeat(28)}`]) {
    test(`${JSON.stringify(text)} is no key`, () => assert.equal(keyId(text), undefined));
  }

  for (const stored of ["", "nonsense", "ab"]) {
    test(`a stored hash of ${JSON.stringify(stored)} matches nothing`, () => assert.ok(!keyMatches("slc_x", stored)));
  }
});
