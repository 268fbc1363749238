import assert from "node:assert/strict";
import { test } from "node:test";
import { pollutes } from "../../../libs/shared/pollution.ts";

test("finds names of prototypes at any level, however they are written", () => {
  for (const text of [
    '{"__proto__":{}}',
    '{"\\u005f_proto__":1}',
    '{"a":[{"b":{"__proto__":null}}]}',
    '{"a":{"constructor":{"prototype":{}}}}',
  ]) {
    assert.equal(pollutes(JSON.parse(text)), true, text);
  }
});

test("takes those names for data where they do no harm", () => {
  for (const value of [
    "__proto__",
    ["__proto__"],
    { constructor: "Ford" },
    { prototype: {} },
    { a: { proto: 1 } },
    null,
    1,
  ]) {
    assert.equal(pollutes(value), false, JSON.stringify(value));
  }
});
