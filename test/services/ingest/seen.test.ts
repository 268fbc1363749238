/** What an entry that was there before says about a request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { entryOf, type Sighting, verdictOf } from "../../../services/ingest/seen.ts";

const sighting = (content_hash: string, offset: number): Sighting => ({
  tenant: "demo",
  id: "r1",
  content_hash,
  place: { topic: "llm.requests", partition: 1, offset },
});

const rows: readonly (readonly [before: Sighting | null, now: Sighting, verdict: string])[] = [
  [null, sighting("aa", 5), "new"],
  [sighting("aa", 5), sighting("aa", 5), "redelivered"],
  [sighting("aa", 5), sighting("aa", 6), "repeated"],
  [sighting("aa", 5), sighting("bb", 6), "conflict"],
  [sighting("aa", 5), sighting("bb", 5), "conflict"],
  // A hash that begins another is not that hash.
  [sighting("aab", 5), sighting("aa", 6), "conflict"],
];

for (const [before, now, verdict] of rows) {
  test(`${before === null ? "nothing" : entryOf(before)}, then ${entryOf(now)}: ${verdict}`, () => {
    assert.equal(verdictOf(now, before === null ? null : entryOf(before)), verdict);
  });
}
