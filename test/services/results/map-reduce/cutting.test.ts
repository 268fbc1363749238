/** Texts become shards: whole, in order, none too large, and cut where it hurts least. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BYTES_PER_TOKEN, Cutter } from "../../../../services/results/map-reduce/cutting.ts";

function cut(pieces: readonly string[], shard_tokens: number): string[] {
  const cutter = new Cutter(shard_tokens);
  return [...pieces.flatMap((piece) => [...cutter.push(piece)]), ...cutter.end()];
}
const bare = (text: string): string => text.replace(/\s+/g, "");

describe("cutting", () => {
  test("loses nothing but white space between shards, and keeps the order and the size", () => {
    const words = fc.constantFrom("a", "Wort", "語。", "end.", "\n\n", "\n", " ", "🙂", "x".repeat(30), "!?");
    fc.assert(
      fc.property(fc.array(words, { maxLength: 200 }), fc.integer({ min: 2, max: 40 }), (pieces, shard_tokens) => {
        const shards = cut(pieces, shard_tokens);
        assert.equal(bare(shards.join("")), bare(pieces.join("")));
        for (const shard of shards) {
          assert.ok(Buffer.byteLength(shard) <= shard_tokens * BYTES_PER_TOKEN);
          assert.notEqual(shard.trim(), "");
          assert.ok(shard.isWellFormed());
        }
        assert.deepEqual(shards, cut([pieces.join("")], shard_tokens));
      }),
    );
  });

  test("cuts between paragraphs, else sentences, else lines, else words", () => {
    const [half, rest] = ["a".repeat(24), "b".repeat(12)];
    assert.deepEqual(cut([`${half}. b\n\nc d.\n${rest}`], 10), [`${half}. b`, `c d.\n${rest}`]);
    assert.deepEqual(cut([`${half}. b\nc d ${rest}`], 10), [`${half}.`, `b\nc d ${rest}`]);
    assert.deepEqual(cut([`${half} b\nc d ${rest}`], 10), [`${half} b`, `c d ${rest}`]);
    assert.deepEqual(cut([`${half} b c ${rest}${rest}`], 10), [`${half} b c`, `${rest}${rest}`]);
  });

  test("takes time in proportion to the text", () => {
    assert.equal(cut(["x".repeat(4_000_000)], 100).length, 10_000);
  });
});
