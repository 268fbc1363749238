import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type DoneRange,
  decodeDone,
  encodeDone,
  METADATA_BYTES_MAX,
} from "../../../../libs/shared/kafka/offset-map.ts";

/** Ranges from gaps and lengths, by turns. */
function rangesOf(base: number, runs: readonly { readonly gap: number; readonly length: number }[]): DoneRange[] {
  let at = base;
  return runs.map(({ gap, length }) => {
    const from = at + gap;
    at = from + length;
    return { from, to: at };
  });
}

const runs = (max: number, size: number) =>
  fc.array(fc.record({ gap: fc.integer({ min: 1, max }), length: fc.integer({ min: 1, max }) }), { maxLength: size });

test("what is encoded comes back, wherever the base is", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 45), runs(50, 60), (base, list) => {
      const done = rangesOf(base, list);
      const { metadata, fill } = encodeDone(base, done);
      assert.ok(fill <= 1);
      assert.deepEqual(decodeDone(base, metadata), done);
    }),
  );
});

test("metadata never passes the broker's limit, and what is left out is only the end", () => {
  fc.assert(
    fc.property(fc.nat(1_000), runs(100_000, 4_000), (base, list) => {
      const done = rangesOf(base, list);
      const { metadata } = encodeDone(base, done);
      assert.ok(metadata.length <= METADATA_BYTES_MAX);
      const back = decodeDone(base, metadata);
      assert.deepEqual(back, done.slice(0, back.length));
    }),
    { numRuns: 30 },
  );
});

test("a map that is too wide is cut to fill most of the room", () => {
  const random = (seed: number) => ((Math.imul(seed, 2_654_435_761) >>> 8) % 5_000) + 1;
  const done = rangesOf(
    0,
    Array.from({ length: 20_000 }, (_, index) => ({ gap: random(index), length: random(index + 7) })),
  );
  const { metadata, fill } = encodeDone(0, done);
  assert.ok(fill > 1);
  assert.ok(metadata.length > METADATA_BYTES_MAX * 0.9);
});

test("long runs cost almost nothing", () => {
  const { metadata } = encodeDone(1, [{ from: 2, to: 1_000_002 }]);
  assert.ok(metadata.length < 12, metadata);
});

for (const metadata of [null, undefined, "", "x", "r", "Rnot base64!", "B////", "someone else's note"]) {
  test(`metadata that is not ours says nothing: ${String(metadata)}`, () => {
    for (const { from, to } of decodeDone(10, metadata)) assert.ok(to >= from && from >= 10);
  });
}
