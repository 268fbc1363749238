/** Fits of the gain: the regression by itself, and policies that come of it. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { crossValidate, type PolicyTarget, policyOf } from "../../../../libs/shared/routing/fitting.ts";
import { designOf } from "../../../../libs/shared/routing/gain.ts";
import { readLabelled } from "../../../../libs/shared/routing/labelled.ts";
import { openPolicy, placeAmong } from "../../../../libs/shared/routing/policy.ts";
import { loadPolicy, writePolicyFile } from "../../../../libs/shared/routing/policy-file.ts";
import { momentsOf, predict, ridge, without } from "../../../../libs/shared/routing/ridge.ts";
import { Random } from "../../../../tools/simulate/random.ts";

const close = (one: number, other: number, error = 1e-6) =>
  assert.ok(Math.abs(one - other) <= error, `${one} is not ${other}`);

describe("ridge regression", () => {
  const values = Float64Array.of(1, 2, 2, 1, 3, 5, 4, 0, 5, 5);
  const matrix = { rows: 5, columns: 2, values };
  const target = Array.from({ length: 5 }, (_, row) => 3 * (values[row * 2] ?? 0) - 2 * (values[row * 2 + 1] ?? 0) + 7);

  test("finds a line that is there", () => {
    const model = ridge(momentsOf(matrix, target), () => 1e-9);
    close(model.weights[0] ?? 0, 3);
    close(model.weights[1] ?? 0, -2);
    close(model.intercept, 7);
    close(predict(model, matrix, [4])[0] ?? 0, target[4] ?? 0);
  });

  test("with a heavy penalty says the mean", () => {
    const model = ridge(momentsOf(matrix, target), () => 1e12);
    close(predict(model, matrix)[0] ?? 0, target.reduce((sum, value) => sum + value, 0) / 5);
  });

  test("moments less those of some rows are those of the others", () => {
    const part = without(momentsOf(matrix, target), momentsOf(matrix, target, [1, 3]));
    const others = momentsOf(matrix, target, [0, 2, 4]);
    for (const field of ["x", "xx", "xy"] as const) {
      for (const [at, value] of others[field].entries()) close(part[field][at] ?? 0, value, 1e-9);
    }
    assert.deepEqual([part.count, part.y], [others.count, others.y]);
  });
});

/** The first component says how much there is to gain. */
function labelled(count: number) {
  const random = new Random(11);
  const rows = Array.from({ length: count }, (_, at) => {
    const need = random.next() * 2 - 1;
    const gains = random.next() < 0.5 + need / 2;
    const vector = Float32Array.of(need, Math.sqrt(1 - need * need), 0);
    return { row: { prompt: `prompt ${at}`, weak: gains ? 0 : 1, strong: 1 }, vector };
  });
  return { rows: rows.map(({ row }) => row), vectors: rows.map(({ vector }) => vector) };
}

function fitted(target: PolicyTarget = { kind: "best" }) {
  const { rows, vectors } = labelled(600);
  const design = designOf(
    rows.map(({ prompt }) => prompt),
    vectors,
  );
  const costs = { weak: 1, strong: 5 };
  const steps = crossValidate(rows, design, costs);
  let step = steps.next();
  while (!step.done) step = steps.next();
  const validated = step.value ?? assert.fail();
  const names = { weak: "small", strong: "large", embedding_model: "mini" };
  return { rows, vectors, validated, file: policyOf(rows, design, { validated, costs, names, target }) };
}

describe("a fit", () => {
  test("ranks by need, and its file judges as it does", async () => {
    const { rows, vectors, validated, file } = fitted();
    assert.ok(validated.apgr > 0.65, String(validated.apgr));
    const folder = await mkdtemp(join(tmpdir(), "sluice-policy-"));
    try {
      const path = join(folder, "p.json");
      await writePolicyFile(path, file ?? assert.fail());
      const policy = await loadPolicy(path);
      assert.deepEqual([policy.weak, policy.strong, policy.embedding_model], ["small", "large", "mini"]);
      const [needy, easy] = [0.99, -0.99].map((need) => {
        const vector = Float32Array.of(need, Math.sqrt(1 - need * need), 0);
        return policy.judge("prompt 1", vector)?.score ?? assert.fail();
      });
      assert.ok((needy ?? 0) > 0.7 && (easy ?? 1) < 0.3, `${needy} ${easy}`);
      const strong = rows.filter(
        (row, at) => (policy.judge(row.prompt, vectors[at] ?? assert.fail())?.score ?? 0) >= 0.7,
      );
      assert.ok(Math.abs(strong.length / rows.length - 0.3) < 0.1, "a threshold is a share of strong calls");
      assert.equal(policy.judge("a", new Float32Array(2)), undefined);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("keeps to its target", () => {
    const share = (target: PolicyTarget) => {
      const { file } = fitted(target);
      return file?.shares.find(({ threshold }) => threshold === file.threshold);
    };
    assert.ok((share({ kind: "cost_share", at_most: 0.5 })?.cost_share ?? 1) <= 0.5);
    assert.equal(fitted({ kind: "cost_share", at_most: 0.1 }).file, undefined);
    const quality = share({ kind: "quality", at_least: 0.9 });
    assert.ok((quality?.quality ?? 0) >= 0.9);
    assert.ok((quality?.strong_share ?? 1) < 1);
  });

  test("a file that is no policy is refused, with what is wrong in it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-policy-"));
    const path = join(folder, "p.json");
    try {
      const { file } = fitted();
      for (const [text, problem] of [
        ["[", /is no tier policy/],
        [JSON.stringify({ ...file, threshold: 2 }), /threshold/],
        [JSON.stringify({ ...file, embedding: { model: "m", dimensions: 9 } }), /3 numbers/],
      ] as const) {
        await writeFile(path, text);
        await assert.rejects(loadPolicy(path), problem);
      }
      await assert.rejects(loadPolicy(join(folder, "gone.json")), /cannot be read/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("a place among quantiles", () => {
  test("rises with the value, from 0 to 1", () => {
    const sorted = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(
        sorted,
        fc.double({ min: -10, max: 10, noNaN: true }),
        fc.double({ min: 0, max: 5, noNaN: true }),
        (values, value, more) => {
          const quantiles = values.toSorted((one, other) => one - other);
          const place = placeAmong(quantiles, value);
          assert.ok(place >= 0 && place <= 1 && placeAmong(quantiles, value + more) >= place);
        },
      ),
      { seed: 3 },
    );
    assert.equal(placeAmong([0, 1, 2], 1.5), 0.75);
  });

  test("weights that are not as many as the dimensions are refused", () => {
    const { file } = fitted();
    assert.throws(() => openPolicy({ ...(file ?? assert.fail()), embedding_weights: "AAAAAA==" }), RangeError);
  });
});

describe("a labelled line", () => {
  test("has a prompt and two qualities", () => {
    const line = { prompt: "p", weak_correct: false, strong_correct: 1, strong_response: "abc", subject: "x" };
    assert.deepEqual(readLabelled(JSON.stringify(line)), { prompt: "p", weak: 0, strong: 1, strong_chars: 3 });
    for (const bad of [
      "{",
      "[]",
      '{"prompt":""}',
      JSON.stringify({ ...line, weak_correct: 2 }),
      JSON.stringify({ ...line, weak_correct: "yes" }),
    ]) {
      assert.equal(typeof readLabelled(bad), "string", bad);
    }
  });
});
