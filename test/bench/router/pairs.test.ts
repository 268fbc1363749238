import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adversarialPairs } from "../../../bench/router/pairs/adversarial.ts";
import { cleanPairs } from "../../../bench/router/pairs/clean.ts";
import type { PairRow } from "../../../bench/router/pairs/lines.ts";
import { paraphrasePairs } from "../../../bench/router/pairs/paraphrases.ts";
import { guard } from "../../../libs/shared/semantic/guard/guard.ts";

const adversarial = adversarialPairs();
const paraphrases = paraphrasePairs();
const clean = cleanPairs(1);

function questionsOf(rows: readonly PairRow[]): ReadonlySet<string> {
  return new Set(rows.flatMap(({ a, b }) => [a.toLowerCase(), b.toLowerCase()]));
}

function refused(rows: readonly PairRow[]): number {
  return rows.filter(({ a, b }) => guard(a, b) !== undefined).length / rows.length;
}

describe("the pairs of questions", () => {
  for (const [name, rows, least] of [
    ["adversarial", adversarial, 600],
    ["paraphrases", paraphrases, 600],
    ["clean", clean, 7_500],
  ] as const) {
    test(`${name}: enough, whole, and no question against itself`, () => {
      assert.ok(rows.length >= least, `${rows.length}`);
      for (const { a, b } of rows) {
        assert.notEqual(a, b);
        assert.doesNotMatch(a + b, /\{|\|\||\]\]/);
      }
    });
  }

  test("no question of a test set is in the clean set", () => {
    const tests = questionsOf([...adversarial, ...paraphrases]);
    assert.deepEqual(
      [...questionsOf(clean)].filter((question) => tests.has(question)),
      [],
    );
  });

  test("no question of the clean set is in two groups", () => {
    const groups = new Map<string, string>();
    for (const { a, b, group } of clean) {
      for (const question of [a, b]) {
        assert.equal(groups.get(question) ?? group, group, question);
        groups.set(question, group);
      }
    }
  });

  test("half of the clean set are duplicates, and a third of the others each are near-misses, of the same topic, and of none", () => {
    const counts = Map.groupBy(clean, ({ kind }) => kind);
    const [duplicates = 0, ...others] = ["duplicate", "near-miss", "same-topic", "random"].map(
      (kind) => counts.get(kind)?.length ?? 0,
    );
    assert.ok(Math.abs(duplicates / clean.length - 0.5) < 0.02);
    for (const count of others) assert.ok(Math.abs(count / clean.length - 1 / 6) < 0.02);
  });

  test("the same seed gives the same pairs, another one others", () => {
    assert.deepEqual(cleanPairs(1), clean);
    assert.notDeepEqual(cleanPairs(2), clean);
  });

  test("the guard alone refuses nearly all near-misses and few paraphrases", () => {
    assert.ok(refused(adversarial) >= 0.97);
    assert.ok(refused(paraphrases) <= 0.1);
  });
});
