/** Writes the sets of pairs as JSONL: `node bench/router/pairs/write.ts --out DIR [--seed N]`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { adversarialPairs } from "./adversarial.ts";
import { cleanPairs } from "./clean.ts";
import type { PairRow } from "./lines.ts";
import { paraphrasePairs } from "./paraphrases.ts";

const { values } = parseArgs({ options: { out: { type: "string" }, seed: { type: "string", default: "1" } } });
const folder = values.out;
const seed = Number(values.seed);
if (folder === undefined || !Number.isInteger(seed)) {
  console.error("usage: node bench/router/pairs/write.ts --out DIR [--seed N]");
  process.exit(2);
}

const sets: Readonly<Record<string, readonly PairRow[]>> = {
  adversarial: adversarialPairs(),
  paraphrases: paraphrasePairs(),
  clean: cleanPairs(seed),
};
mkdirSync(folder, { recursive: true });
for (const [name, rows] of Object.entries(sets)) {
  const path = join(folder, `${name}.jsonl`);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  console.log(`${rows.length} pairs in ${path}`);
}
