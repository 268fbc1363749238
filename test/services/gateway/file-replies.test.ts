/** What the Files API says of files. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { disposition, wantedRange } from "../../../services/gateway/file-replies.ts";

test("a range is what RFC 9110 says, and the whole where it is none", () => {
  for (const [header, bytes, wanted] of [
    [undefined, 10, "all"],
    ["", 10, "all"],
    ["bytes=-", 10, "all"],
    ["bytes=0-0", 10, { start: 0, end: 1 }],
    ["bytes=9-", 10, { start: 9, end: 10 }],
    ["bytes=2-100", 10, { start: 2, end: 10 }],
    ["bytes=-3", 10, { start: 7, end: 10 }],
    ["bytes=-30", 10, { start: 0, end: 10 }],
    ["bytes=-0", 10, "none"],
    ["bytes=10-", 10, "none"],
    ["bytes=0-", 0, "none"],
    ["bytes=-5", 0, "none"],
    ["bytes=5-2", 10, "all"],
    ["bytes=0-1,4-5", 10, "all"],
    ["bytes = 0-1", 10, "all"],
    ["bytes=0-9999999999999999999", 10, "all"],
    ["items=0-1", 10, "all"],
  ] as const) {
    assert.deepEqual(wantedRange(header, bytes), wanted, header);
  }
});

test("whatever a file is called, its name ends neither its quotes nor its header", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (filename) => {
      const match = /^attachment; filename="([\w .()-]*)"; filename\*=UTF-8''([\w.!~%-]*)$/.exec(disposition(filename));
      assert.ok(match, filename);
      assert.equal(decodeURIComponent(match[2] ?? ""), filename.toWellFormed());
    }),
  );
  // Half a character, as a name cut short may end.
  assert.match(disposition("a\ud83d"), /UTF-8''a%EF%BF%BD$/);
});
