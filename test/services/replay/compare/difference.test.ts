/** How one Result differs from another. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Result } from "../../../../libs/shared/events/flow.ts";
import { type Answers, answerOf, differenceOf, wantsDistance } from "../../../../services/replay/compare/difference.ts";
import { result } from "./results.ts";

const failed = result({ status: "failed" });

describe("answers", () => {
  const table: readonly [string, Result | undefined, Result, Answers][] = [
    ["letter for letter", result({ text: "Oslo" }), result({ text: "Oslo" }), "same_text"],
    ["but for white space and case", result({ text: "Oslo" }), result({ text: " oslo\n" }), "same_json"],
    ["as JSON", result({ text: '{"a":1,"b":2}' }), result({ text: '```json\n{"b":2, "a":1}\n```' }), "same_json"],
    ["other words", result({ text: "Oslo" }), result({ text: "Bergen" }), "different"],
    ["answered then and not now", result({}), failed, "gone"],
    ["answered now and not then", failed, result({}), "new"],
    ["never answered", failed, failed, "none"],
    ["nothing to compare with", undefined, result({}), "no_original"],
  ];
  for (const [what, original, replayed, answers] of table) {
    test(what, () => assert.equal(differenceOf(original, replayed, undefined).answers, answers));
  }
});

describe("distance", () => {
  test("is none between equal answers, whatever embeddings say", () => {
    assert.equal(differenceOf(result({}), result({}), 0.3).distance, 0);
  });

  test("is what the embeddings leave", () => {
    const difference = differenceOf(result({ text: "Oslo" }), result({ text: "Bergen" }), 0.75);
    assert.equal(difference.distance, 0.25);
  });

  test("is not known where nobody embedded differing words", () => {
    assert.equal(differenceOf(result({ text: "Oslo" }), result({ text: "Bergen" }), undefined).distance, undefined);
  });

  test("is asked for of words that differ, and of nothing else", () => {
    const [oslo, bergen, none] = [result({ text: "Oslo" }), result({ text: "Bergen" }), failed].map(answerOf);
    assert.equal(wantsDistance(oslo, bergen), true);
    assert.equal(wantsDistance(oslo, oslo), false);
    assert.equal(wantsDistance(oslo, none), false);
  });
});

describe("embeddings", () => {
  const vectors = (...embedding: (readonly number[] | string)[]): Result => ({
    ...result({}),
    response: { data: embedding.map((one) => ({ embedding: one })) },
  });
  const base64 = (...values: number[]): string => Buffer.from(Float32Array.from(values).buffer).toString("base64");

  test("are the same by direction, in either encoding", () => {
    assert.equal(differenceOf(vectors([1, 0]), vectors(base64(2, 0)), undefined).answers, "same_text");
  });

  test("differ by their cosine", () => {
    const difference = differenceOf(vectors([1, 0], [1, 0]), vectors([0, 1], [1, 0]), undefined);
    assert.deepEqual([difference.answers, difference.distance], ["different", 0.5]);
  });

  test("of another number or length are as far as can be", () => {
    assert.equal(differenceOf(vectors([1, 0]), vectors([1, 0], [1, 0]), undefined).distance, 1);
    assert.equal(differenceOf(vectors([1, 0]), vectors([1, 0, 0]), undefined).distance, 1);
  });
});

describe("severity", () => {
  const of = (original: Result, replayed: Result, similarity?: number): number =>
    differenceOf(original, replayed, similarity).severity;

  test("is none where nothing differs", () => assert.equal(of(result({}), result({})), 0));

  test("puts a lost answer before another answer, that before a higher cost", () => {
    const lost = of(result({}), failed);
    const other = of(result({ text: "Oslo" }), result({ text: "a pound of cheese" }), 0.1);
    const dearer = of(result({ cost_usd: 0.001 }), result({ cost_usd: 1 }));
    assert.ok(lost > other && other > dearer && dearer > 0, `${lost} ${other} ${dearer}`);
  });
});

test("a run under an id of its own is named by its original", () => {
  assert.equal(differenceOf(result({}), result({ id: "r1.redrive1", of: "r1" }), undefined).id, "r1");
});
