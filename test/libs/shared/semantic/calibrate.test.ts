import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { quantize } from "../../../../libs/shared/embedding/quantized.ts";
import { calibrate, scoreAll } from "../../../../libs/shared/semantic/calibrate.ts";
import { CalibratedVerifier } from "../../../../libs/shared/semantic/calibrated-verifier.ts";
import { calibrationSchema } from "../../../../libs/shared/semantic/calibration.ts";
import { evaluate } from "../../../../libs/shared/semantic/evaluate.ts";
import { FIT_DEFAULTS } from "../../../../libs/shared/semantic/fit.ts";
import { labelPairs } from "../../../../libs/shared/semantic/label.ts";
import { FAKE_MODEL, fakeEmbedder, fakePairs, fakeVector } from "../../../support/semantic/fake-pairs.ts";

const FIT = { ...FIT_DEFAULTS, forests: 1, trees: 30, learning_rate: 0.2, leaves: 6, leaf_rows_min: 10 };
const options = { embedding_model: FAKE_MODEL, fit: FIT };

describe("calibrating", async () => {
  const labelled = await labelPairs(fakePairs(2_400, 1), fakeEmbedder());
  const fresh = await labelPairs(fakePairs(800, 2), fakeEmbedder());
  const fitted = calibrate(labelled, undefined, options);

  test("the same pairs give the same file, and the schema takes it", () => {
    assert.deepEqual(calibrate(labelled, undefined, options), fitted);
    assert.deepEqual(calibrationSchema.parse(JSON.parse(JSON.stringify(fitted))), fitted);
    assert.equal(fitted.trees_of, "pairs");
  });

  test("it keeps its promise on pairs that it has not seen, and finds most duplicates", () => {
    const scored = scoreAll(fitted, fresh);
    const found = evaluate(fitted, scored, 0.1);
    assert.ok(found.precision !== null && found.precision >= 0.9, `precision ${found.precision}`);
    assert.ok(found.recall !== null && found.recall >= 0.5, `recall ${found.recall}`);
    assert.equal(found.hits, found.false_hits + Math.round(found.recall * found.duplicates));
  });

  test("few pairs keep the trees and move curve and thresholds alone", () => {
    const few = calibrate(fresh.slice(0, 300), fitted, options);
    assert.equal(few.trees_of, "default");
    assert.deepEqual(few.forest, fitted.forest);
    assert.equal(few.pairs, 300);
    assert.notDeepEqual(few.thresholds, fitted.thresholds);
    // 300 pairs cannot show an error of half a percent.
    assert.equal(evaluate(few, scoreAll(fitted, fresh), 0.005).abstained, true);
  });

  test("what is a hit for an error is a hit for every larger one", () => {
    const scored = scoreAll(fitted, fresh);
    const found = fitted.thresholds.map(({ max_error }) => evaluate(fitted, scored, max_error).hits);
    assert.deepEqual(
      found,
      found.toSorted((one, other) => one - other),
    );
    const weighed = fitted.thresholds.map((row) => (row.weighed ? 1 : 0));
    assert.deepEqual(weighed, weighed.toSorted());
  });

  test("labels without sense promise nothing", () => {
    const senseless = labelled.map((pair, at) => ({ ...pair, duplicate: at % 2 === 0 }));
    const { thresholds } = calibrate(senseless, undefined, options);
    for (const { max_error, probability } of thresholds) {
      if (max_error <= 0.3) assert.equal(probability, null, String(max_error));
    }
  });

  test("the verifier judges symmetrically; for small errors the guard has the last word, for large ones it is weighed", () => {
    const row = { probability: 0.5, hits: 100, wrong: 0 };
    const thresholds = [
      { ...row, max_error: 0.02, weighed: false },
      { ...row, max_error: 0.2, weighed: true },
    ];
    const [strict, lax] = [0.02, 0.2].map((error) => new CalibratedVerifier({ ...fitted, thresholds }, error)) as [
      CalibratedVerifier,
      CalibratedVerifier,
    ];
    const ask = (text: string) => ({ text, vector: quantize(fakeVector(text)) });
    const [left, right] = [ask("How do I enable alerts for 2023?"), ask("How do I enable alerts for 2024?")];
    assert.deepEqual(strict.judge(left, right), { ...strict.judge(right, left) });
    assert.equal(strict.judge(left, right).probability, 0);
    assert.ok(strict.judge(left, right).rejected_by !== undefined);
    assert.ok(lax.judge(left, right).probability > 0);
    assert.equal(lax.judge(left, right).rejected_by, undefined);
  });
});
