/** Differences summed up, and gates on the sum. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Result } from "../../../../libs/shared/events/flow.ts";
import { compareResults } from "../../../../services/replay/compare/compare-results.ts";
import { checkGates, type Gates } from "../../../../services/replay/compare/gates.ts";
import type { Comparison } from "../../../../services/replay/compare/summary.ts";
import { type Made, result } from "./results.ts";

type Pair = readonly [original: Made | undefined, replayed: Made];

async function* inChunks(results: readonly Result[], size: number): AsyncGenerator<readonly Result[]> {
  for (let at = 0; at < results.length; at += size) yield results.slice(at, at + size);
}

/** As an embedder that finds all words half as near as can be. */
const embedder = {
  embed: async (texts: readonly string[]) => texts.map((text) => Float32Array.from([1, text.length])),
};

async function compare(
  pairs: readonly Pair[],
  { chunk = 3, distances_max = 100, worst_max = 10, text_chars = 0 } = {},
): Promise<Comparison> {
  const originals = new Map(pairs.map(([made], index) => [`r${index}`, made]));
  const results = pairs.map(([, made], index) => result({ ...made, id: `r${index}` }));
  return compareResults(
    {
      results: inChunks(results, chunk),
      originals: async (asked) =>
        asked.map(({ id }) => {
          const made = originals.get(id);
          return made === undefined ? undefined : result({ ...made, id });
        }),
      embedder,
      distances_max,
      worst_max,
      text_chars,
    },
    "rp_1",
    "shadow",
  );
}

describe("a comparison", () => {
  test("sums up both sides of what has an original", async () => {
    const { summary } = await compare([
      [{ cost_usd: 0.002 }, { cost_usd: 0.001, tier: "large" }],
      [{ cost_usd: 0.002 }, { cost_usd: 0.001 }],
      [{ cost_usd: 0.004 }, { status: "failed", cost_usd: 0 }],
      [undefined, { cost_usd: 9 }],
    ]);
    assert.deepEqual([summary.compared, summary.without_original], [3, 1]);
    assert.deepEqual([summary.original.cost_nusd, summary.replayed.cost_nusd], [8_000_000, 2_000_000]);
    assert.equal(summary.cost_ratio, 0.25);
    assert.deepEqual([summary.answers.same_text, summary.answers.gone], [2, 1]);
    assert.equal(summary.same_ratio, 1);
    assert.deepEqual(summary.errors, { model_unavailable: 1 });
    assert.deepEqual(summary.tier_moves, [
      { from: "small", to: "small", count: 2 },
      { from: "small", to: "large", count: 1 },
    ]);
  });

  test("of nothing has nothing to say", async () => {
    const { summary, worst } = await compare([]);
    assert.deepEqual([summary.compared, summary.cost_ratio, worst.length], [0, undefined, 0]);
  });

  test("keeps the worst, the worst first, with the starts of both answers where they are asked for", async () => {
    const pairs: Pair[] = [
      [{ text: "Oslo" }, { text: "Oslo" }],
      [{ text: "Oslo" }, { text: "Bergen is rainy" }],
      [{ text: "Oslo" }, { status: "failed" }],
    ];
    const { worst } = await compare(pairs, { text_chars: 4 });
    assert.deepEqual(
      worst.map(({ id, texts }) => [id, texts]),
      [
        ["r2", { original: "Oslo", replayed: "mode" }],
        ["r1", { original: "Oslo", replayed: "Berg" }],
      ],
    );
  });

  test("embeds no more than it may", async () => {
    const pairs = Array.from({ length: 9 }, (): Pair => [{ text: "Oslo" }, { text: "a longer one" }]);
    const { summary } = await compare(pairs, { distances_max: 4, chunk: 3 });
    assert.equal(summary.distance.known, 4);
  });

  test("is the same however its Results come in chunks, and bounded", async () => {
    const made = fc.record({
      text: fc.constantFrom("Oslo", "oslo", "Bergen"),
      cost_usd: fc.constantFrom(0, 0.001, 0.5),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(made, made), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        async (pairs, chunk) => {
          const [one, other] = await Promise.all([
            compare(pairs, { chunk, worst_max: 5 }),
            compare(pairs, { chunk: 60, worst_max: 5 }),
          ]);
          assert.deepEqual(one, other);
          assert.ok(one.worst.length <= 5);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("has an even sample of many", async () => {
    const { sample } = await compare(
      Array.from({ length: 5_000 }, (): Pair => [{}, {}]),
      { chunk: 500 },
    );
    assert.ok(sample.length > 500 && sample.length <= 1_001, String(sample.length));
  });
});

describe("gates", () => {
  const gated = async (pairs: readonly Pair[], gates: Gates): Promise<readonly boolean[]> =>
    checkGates((await compare(pairs)).summary, gates).map(({ passed }) => passed);
  const dearer: Pair = [{ cost_usd: 0.001 }, { cost_usd: 0.0012 }];

  test("pass at their limit and fail beyond it", async () => {
    assert.deepEqual(await gated([dearer], { cost_ratio_max: 1.2 }), [true]);
    assert.deepEqual(await gated([dearer], { cost_ratio_max: 1.19 }), [false]);
    assert.deepEqual(await gated([[{}, { status: "failed" }]], { lost_max: 0 }), [false]);
    assert.deepEqual(
      await gated(
        [
          [{}, { text: "other" }],
          [{}, {}],
        ],
        { same_ratio_min: 0.5 },
      ),
      [true],
    );
    assert.deepEqual(
      await gated(
        [
          [{}, { text: "other" }],
          [{}, {}],
        ],
        { same_ratio_min: 0.51 },
      ),
      [false],
    );
    assert.deepEqual(await gated([[{}, { latency_ms: 300 }]], { latency_ratio_max: 2 }), [false]);
  });

  test("fail where there is nothing to measure", async () => {
    const all = { cost_ratio_max: 9, same_ratio_min: 0, distance_p95_max: 1, latency_ratio_max: 9, lost_max: 9 };
    assert.deepEqual(await gated([], all), [false, false, false, false, false]);
  });

  test("are those that are asked for", async () => assert.deepEqual(await gated([dearer], {}), []));
});
