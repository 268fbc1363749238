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
    assert.notDeepEqual(few.lax, fitted.lax);
    // 300 pairs cannot show an error of half a percent.
    assert.equal(evaluate(few, scoreAll(fitted, fresh), 0.005).abstained, true);
  });

  test("labels without sense promise nothing", () => {
    const senseless = labelled.map((pair, at) => ({ ...pair, duplicate: at % 2 === 0 }));
    const { strict, lax } = calibrate(senseless, undefined, options);
    for (const { max_error, probability } of [...strict.thresholds, ...lax.thresholds]) {
      if (max_error <= 0.3) assert.equal(probability, null, String(max_error));
    }
  });

  test("the verifier judges symmetrically; below 5 % the guard has the last word, above it is weighed", () => {
    const [strict, lax] = [new CalibratedVerifier(fitted, 0.02), new CalibratedVerifier(fitted, 0.2)];
    const ask = (text: string) => ({ text, vector: quantize(fakeVector(text)) });
    const [left, right] = [ask("How do I enable alerts for 2023?"), ask("How do I enable alerts for 2024?")];
    assert.deepEqual(strict.judge(left, right), { ...strict.judge(right, left) });
    assert.equal(strict.judge(left, right).probability, 0);
    assert.ok(strict.judge(left, right).rejected_by !== undefined);
    assert.ok(lax.judge(left, right).probability > 0);
    assert.equal(lax.judge(left, right).rejected_by, undefined);
    assert.equal(lax.thresholdFor(0.02), undefined, "what is weighed promises no small error");
  });
});
