/** Confluent's wire format, and what counts as plain JSON. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { frame, unframe, WIRE_HEADER_BYTES } from "../../../../libs/shared/events/wire.ts";

const schema_id = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const bytes = (minLength: number) => fc.uint8Array({ minLength, maxLength: 64 }).map((array) => Buffer.from(array));

describe("the wire format", () => {
  test("is a zero byte, the id as four bytes big-endian, then the value", () => {
    assert.equal(frame(258, Buffer.from("{}")).toString("hex"), "00000001027b7d");
    assert.equal(WIRE_HEADER_BYTES, 5);
  });

  test("what is framed is read back, whatever the parts", () => {
    fc.assert(
      fc.property(schema_id, bytes(1), bytes(0), (id, first, second) => {
        const framed = unframe(frame(id, first, second));
        assert.ok(framed.kind === "wire");
        assert.equal(framed.schema_id, id);
        assert.ok(framed.payload.equals(Buffer.concat([first, second])));
      }),
    );
  });

  test("any bytes are read as one of the three kinds", () => {
    fc.assert(
      fc.property(bytes(0), (value) => {
        const framed = unframe(value);
        if (framed.kind === "wire") assert.equal(value[0], 0);
        if (framed.kind === "plain") assert.equal(framed.payload[0], "{".charCodeAt(0));
      }),
    );
  });

  const kinds: readonly (readonly [what: string, value: string, kind: string])[] = [
    ["nothing", "", "unreadable"],
    ["a header without a value", "\0\0\0\0\x01", "unreadable"],
    ["a header cut short", "\0\0\0", "unreadable"],
    ["an object", '{"a":1}', "plain"],
    ["white space before an object", ' \t\r\n{"a":1}', "plain"],
    ["white space alone", "  \n", "unreadable"],
    ["an array", "[1]", "unreadable"],
    ["text", "hello", "unreadable"],
    ["a byte-order mark", "\ufeff{}", "unreadable"],
    ["another magic byte", "\x01\0\0\0\x01{}", "unreadable"],
  ];
  for (const [what, value, kind] of kinds) {
    test(`${what} is ${kind}`, () => assert.equal(unframe(Buffer.from(value)).kind, kind));
  }

  test("the payload of plain JSON starts at its brace", () => {
    const framed = unframe(Buffer.from('\n {"a":1}'));
    assert.equal(framed.kind === "plain" && framed.payload.toString(), '{"a":1}');
  });
});
