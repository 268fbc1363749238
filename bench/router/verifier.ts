/**
 * Measures the recipe of the default calibration on questions that it has not seen: `node bench/router/verifier.ts --pairs FILE [--models DIR]
 * [--splits N]`. FILE: crowd-labelled pairs, JSONL, gzipped or not. Prints JSON: for each split what `fit-default.ts` would come to without a
 * quarter of the questions, on that quarter and on a quarter of the clean set; and the near-misses and rewordings, which nothing is fitted on.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readPairs } from "../../cli/cache/pairs-file.ts";
import { ROOT } from "../../cli/context.ts";
import { cacheSchema } from "../../libs/shared/config/cache.ts";
import { openEmbedder } from "../../libs/shared/embedding/open.ts";
import { type LabelledPair, type ScoredPair, scoreAll } from "../../libs/shared/semantic/calibrate.ts";
import { evaluate } from "../../libs/shared/semantic/evaluate.ts";
import { FIT_DEFAULTS } from "../../libs/shared/semantic/fit.ts";
import { labelPairs } from "../../libs/shared/semantic/label.ts";
import { splitGroups } from "../../libs/shared/semantic/split.ts";
import { adversarialPairs } from "./pairs/adversarial.ts";
import { cleanPairs } from "./pairs/clean.ts";
import { paraphrasePairs } from "./pairs/paraphrases.ts";
import { fitDefault } from "./verifier-default.ts";

const { values } = parseArgs({
  options: { pairs: { type: "string" }, models: { type: "string" }, splits: { type: "string", default: "3" } },
});
const splits = Number(values.splits);
if (values.pairs === undefined || !Number.isInteger(splits)) {
  console.error("usage: node bench/router/verifier.ts --pairs FILE [--models DIR] [--splits N]");
  process.exit(2);
}
const { embedding } = cacheSchema.parse({}).semantic;
const model_dir = values.models ?? join(ROOT, ".sluice", "models", embedding.model);
const embedder = await openEmbedder({ ...embedding, timeout_ms: 60_000 }, { model_dir });
const crowd = await labelPairs((await readPairs(values.pairs)).pairs, embedder);
const clean = await labelPairs(cleanPairs(FIT_DEFAULTS.seed), embedder);
const near_misses = await labelPairs(adversarialPairs(), embedder);
const rewordings = await labelPairs(paraphrasePairs(), embedder);
await embedder.close();

for (let seed = 1; seed <= splits; seed += 1) {
  const [crowd_fit, crowd_test] = parted(crowd, seed);
  const [clean_fit, clean_test] = parted(clean, seed);
  const calibration = fitDefault(crowd_fit, clean_fit, embedding.model, { ...FIT_DEFAULTS, seed });
  const of_crowd = scoreAll(calibration, crowd_test);
  const at = (pairs: readonly LabelledPair[], max_errors: readonly number[]) => {
    const scored = scoreAll(calibration, pairs);
    return max_errors.map((max_error) => evaluate(calibration, scored, max_error));
  };
  const recall_at_precision = Object.fromEntries([0.8, 0.9, 0.95].map((least) => [least, recallAt(of_crowd, least)]));
  const small = [0.01, 0.02];
  const sets = { clean: at(clean_test, small), near_misses: at(near_misses, small), rewordings: at(rewordings, small) };
  console.log(JSON.stringify({ seed, recall_at_precision, crowd: at(crowd_test, [0.05, 0.1, 0.2]), ...sets }));
}

function parted(pairs: readonly LabelledPair[], seed: number): [LabelledPair[], LabelledPair[]] {
  const groups = pairs.map(({ group }) => group);
  const [fit = [], test = []] = splitGroups(groups, [0.75, 0.25], seed);
  const pick = (rows: readonly number[]) => rows.map((row) => pairs[row] as LabelledPair);
  return [pick(fit), pick(test)];
}

/** The largest recall at which precision is at least so much, over all thresholds. */
function recallAt(pairs: readonly ScoredPair[], precision: number): number {
  const ranked = pairs.toSorted((one, other) => other.score - one.score);
  let right = 0;
  let best = 0;
  ranked.forEach(({ duplicate }, at) => {
    if (duplicate) right += 1;
    if (right / (at + 1) >= precision) best = right;
  });
  return best / pairs.filter(({ duplicate }) => duplicate).length;
}
