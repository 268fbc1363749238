/**
 * Fits the calibration that comes with the code: `node bench/router/fit-default.ts --pairs FILE [--models DIR] [--out FILE]`. FILE: crowd-labelled
 * pairs of questions, JSONL, gzipped or not. Nothing of their texts is kept. The same pairs give the same file.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readPairs } from "../../cli/cache/pairs-file.ts";
import { ROOT } from "../../cli/context.ts";
import { createBar } from "../../cli/output/bar.ts";
import { cacheSchema } from "../../libs/shared/config/cache.ts";
import { openEmbedder } from "../../libs/shared/embedding/open.ts";
import type { LabelledPair } from "../../libs/shared/semantic/calibrate.ts";
import { FIT_DEFAULTS } from "../../libs/shared/semantic/fit.ts";
import { labelPairs } from "../../libs/shared/semantic/label.ts";
import { DEFAULT_FILE, printCalibration } from "../../libs/shared/semantic/open.ts";
import type { Pair } from "../../libs/shared/semantic/pairs.ts";
import { cleanPairs } from "./pairs/clean.ts";
import { fitDefault } from "./verifier-default.ts";

const { values } = parseArgs({
  options: { pairs: { type: "string" }, models: { type: "string" }, out: { type: "string", default: DEFAULT_FILE } },
});
if (values.pairs === undefined) {
  console.error("usage: node bench/router/fit-default.ts --pairs FILE [--models DIR] [--out FILE]");
  process.exit(2);
}
const { embedding } = cacheSchema.parse({}).semantic;
const model_dir = values.models ?? join(ROOT, ".sluice", "models", embedding.model);
const embedder = await openEmbedder({ ...embedding, timeout_ms: 60_000 }, { model_dir });
const crowd = await labelled("crowd", (await readPairs(values.pairs)).pairs);
const clean = await labelled("clean", cleanPairs(FIT_DEFAULTS.seed));
await embedder.close();

const bar = createBar("fitting", 1, true);
const calibration = fitDefault(crowd, clean, embedding.model, FIT_DEFAULTS, (done, total) =>
  bar.update(done, total, "trees"),
);
bar.stop();
const text = printCalibration(calibration);
await writeFile(values.out, text);
console.log(`${crowd.length} + ${clean.length} pairs, ${text.length} bytes in ${values.out}`);
for (const { max_error, probability, hits, wrong } of calibration.thresholds) {
  console.log(`max_error ${max_error}: ${probability ?? "abstains"}; ${hits} hits, ${wrong} wrong`);
}

async function labelled(name: string, pairs: readonly Pair[]): Promise<readonly LabelledPair[]> {
  const progress = createBar(`embedding ${name}`, 1, true);
  const found = await labelPairs(pairs, embedder, { told: (done, total) => progress.update(done, total, "questions") });
  progress.stop();
  return found;
}
