/** What the holder of an id says about a claim. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Claim, claimVerdict } from "../../../services/results/claims.ts";

const claim = (content_hash: string, partition: number, offset: number): Claim => ({
  tenant: "demo",
  id: "r1",
  content_hash,
  place: { topic: "llm.outcomes", partition, offset },
  row: {} as never,
});

const rows: readonly (readonly [what: string, holder: Claim, verdict: string])[] = [
  ["the same outcome again", claim("aa", 1, 5), "won"],
  ["another outcome of the same request", claim("aa", 1, 4), "late"],
  ["the same offset of another partition", claim("aa", 2, 5), "late"],
  ["other content", claim("bb", 1, 4), "conflict"],
  ["other content at the same place", claim("bb", 1, 5), "conflict"],
];

for (const [what, { content_hash, place }, verdict] of rows) {
  test(`${what}: ${verdict}`, () => {
    assert.equal(claimVerdict(claim("aa", 1, 5), { content_hash, place }), verdict);
  });
}
