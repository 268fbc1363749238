/** Passing over JSON by its bytes agrees with JSON.parse on what is JSON. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readArray, readObject, skipSpace, skipValue } from "../../../../services/inference/batching/json-slices.ts";

function isJson(text: string): boolean {
  const bytes = Buffer.from(text);
  try {
    return skipSpace(bytes, skipValue(bytes, skipSpace(bytes, 0))) === bytes.length;
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("JSON in slices", () => {
  test("passes over any value, however it is spaced", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, "\t"), (value, space) => {
        assert.ok(isJson(` ${JSON.stringify(value, null, space)}\r\n`));
      }),
    );
  });

  test("agrees with JSON.parse on what was damaged", () => {
    const damage = fc.constantFrom("", ...'"\\{}[]:,-+.eE0179ntfu \n\u0001é');
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.nat(2), damage, (text, place, removed, inserted) => {
        const at = place % (text.length + 1);
        const damaged = text.slice(0, at) + inserted + text.slice(at + removed);
        // Half a surrogate pair is no text that bytes can carry.
        fc.pre(damaged.isWellFormed());
        assert.equal(isJson(damaged), parses(damaged), damaged);
      }),
      { numRuns: 2_000 },
    );
  });

  test("agrees with JSON.parse on what looks like JSON", () => {
    const pieces = fc.constantFrom(
      ...["-", "0", "1", "9", ".", "e", "E", "+", "true", "nul", '"', "\\u00", "\\n", ","],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 6 }), (parts) => {
        const text = `[${parts.join("")}]`;
        assert.equal(isJson(text), parses(text), text);
      }),
      { numRuns: 2_000 },
    );
  });

  test("tells where the members are", () => {
    const bytes = Buffer.from('{"é" : [1, "]" ], "b":{"c":null}}');
    const fields: [string, string][] = [];
    const end = readObject(bytes, 0, (name, at) => {
      const after = skipValue(bytes, at);
      fields.push([name, bytes.toString("utf8", at, after)]);
      return after;
    });
    assert.equal(end, bytes.length);
    assert.deepEqual(fields, [
      ["é", '[1, "]" ]'],
      ["b", '{"c":null}'],
    ]);
    const elements: number[] = [];
    readArray(Buffer.from("[1, 22 ,3]"), 0, (at) => {
      elements.push(at);
      return skipValue(Buffer.from("[1, 22 ,3]"), at);
    });
    assert.deepEqual(elements, [1, 4, 8]);
  });
});
