/**
 * What the guard alone refuses, by kind, of the pairs of our own and of labelled pairs in a file:
 * `node bench/router/guard.ts [--pairs FILE.jsonl[.gz]] [--misses KIND]`. `--misses` prints the pairs that it gets wrong.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import Table from "cli-table3";
import { guard } from "../../libs/shared/semantic/guard/guard.ts";
import { adversarialPairs } from "./pairs/adversarial.ts";
import { cleanPairs } from "./pairs/clean.ts";
import { paraphrasePairs } from "./pairs/paraphrases.ts";

type Pair = { readonly a: string; readonly b: string; readonly duplicate: boolean; readonly kind?: string };

const { values } = parseArgs({ options: { pairs: { type: "string" }, misses: { type: "string" } } });
const sets: Record<string, readonly Pair[]> = {
  adversarial: adversarialPairs(),
  paraphrases: paraphrasePairs(),
  clean: cleanPairs(1),
};
if (values.pairs !== undefined) sets["file"] = pairsIn(values.pairs);

for (const [name, pairs] of Object.entries(sets)) {
  if (name === values.misses || values.misses === `all`) printMisses(pairs);
  const table = new Table({ head: [name, "pairs", "refused", "by check"], style: { head: [], border: [] } });
  const kinds = Map.groupBy(pairs, ({ kind, duplicate }) => kind ?? (duplicate ? "duplicates" : "others"));
  for (const [kind, rows] of [...kinds, ["all", pairs] as const]) {
    const refused = rows.map(({ a, b }) => guard(a, b)).filter((check) => check !== undefined);
    const checks = [...Map.groupBy(refused, (check) => check)].sort((left, right) => right[1].length - left[1].length);
    const by = checks.map(([check, all]) => `${check} ${((all.length / rows.length) * 100).toFixed(1)}`).join(", ");
    table.push([kind, rows.length, `${((refused.length / rows.length) * 100).toFixed(1)} %`, by.slice(0, 150)]);
  }
  console.log(`${table}`);
}

function printMisses(pairs: readonly Pair[]): void {
  for (const { a, b, duplicate, kind } of pairs) {
    const check = guard(a, b);
    if ((check !== undefined) === duplicate) console.log(`${kind ?? ""}\t${check ?? "-"}\t${a}\t${b}`);
  }
}

function pairsIn(path: string): readonly Pair[] {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Pair]));
}
