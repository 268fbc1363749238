/** How an evaluation reads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluationText, plot } from "../../../cli/tiers/view.ts";

const curve = Array.from({ length: 21 }, (_, at) => ({ share: at / 20, recovered: Math.sqrt(at / 20) }));
const cpt = {
  "50": { strong_share: 0.3, cost_share: 0.4 },
  "80": { strong_share: 0.6, cost_share: 0.7 },
  "95": { strong_share: 0.9, cost_share: 0.92 },
};

test("an evaluation has its figures, those beside it, and the curve", () => {
  const text = evaluationText({
    ...{
      prompts: 12,
      bad_lines: 1,
      method: "policy",
      policy: "p.json",
      weak_quality: 0.5,
      strong_quality: 0.75,
      apgr: 0.654,
    },
    at_threshold: { threshold: 0.7, strong_share: 0.3, gap_recovered: 0.5, cost_share: 0.4 },
    ...{
      cpt,
      baselines: { random: 0.5, prompt_length: 0.6 },
      baselines_cpt: { random: cpt, prompt_length: cpt },
      curve,
    },
  });
  for (const part of [
    "12 prompts; 1 lines could not be read",
    "this policy",
    "0.654",
    "prompt length",
    "at its threshold 0.70: 30 % strong calls",
  ]) {
    assert.ok(text.includes(part), part);
  }
});

test("a plot rises from the lower left to the upper right", () => {
  const lines = plot(curve).split("\n");
  assert.match(lines[1] ?? "", /100 %.*█$/);
  assert.match(lines[11] ?? "", / 0 % │█/);
});
