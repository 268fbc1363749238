/** `npm run simulate:spread`: how evenly keys, tenants and cells divide; what docs/scale.md says of it. */
import { createHash } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { formatTable } from "../../../cli/output/format.ts";
import { Random } from "../random.ts";
import { movedByOneMore, placed, type Spread, spread, zipfShares } from "./spread.ts";

const EXAMPLES = `
Examples:
  npm run simulate:spread
  npm run simulate:spread -- --runs 1000 --seed 7 --json`;

const flags = new Command("simulate:spread")
  .description("How evenly hashing divides keys among partitions, and tenants among Redis' nodes and clusters.")
  .option("--runs <n>", "of each case", whole, 200)
  .option("--seed <n>", "of chance", whole, 1)
  .option("--json", "print one JSON object")
  .addHelpText("after", EXAMPLES)
  .parse()
  .opts<{ runs: number; seed: number; json?: true }>();

type Case = { readonly what: string; readonly bins: number; readonly members: number; readonly zipf: number };

const CASES: readonly Case[] = [
  { what: "requests without a session, to 12 partitions", bins: 12, members: 100_000, zipf: 0 },
  { what: "1,000 sessions, all alike, to 12 partitions", bins: 12, members: 1_000, zipf: 0 },
  { what: "1,000 sessions, to 96 partitions", bins: 96, members: 1_000, zipf: 0 },
  { what: "100 sessions, by Zipf, to 12 partitions", bins: 12, members: 100, zipf: 1 },
  { what: "100 tenants, by Zipf, to 6 nodes of Redis", bins: 6, members: 100, zipf: 1 },
  { what: "10,000 tenants, by Zipf, to 6 nodes of Redis", bins: 6, members: 10_000, zipf: 1 },
  { what: "10,000 tenants, by Zipf, to 100 cells", bins: 100, members: 10_000, zipf: 1 },
];
/** Tenants whose largest is no larger than a cell: a limit of docs/scale.md. */
const CELLS = 100;
const TENANTS = 20_000;
const ZIPF_OF_SPLIT = 0.5;

const chance = new Random(flags.seed);
const random = (): number => chance.next();
const found = CASES.map((one) => ({ what: one.what, ...spread({ ...one, runs: flags.runs, random }) }));
const cells = cellsFigures();
if (flags.json) console.log(JSON.stringify({ spreads: found, cells }));
else console.log(`${table(found)}\n\n${cellsText()}`);

function cellsFigures() {
  const hash = (text: string): number => createHash("sha256").update(text).digest().readUInt32BE(0);
  const tenants = Array.from({ length: 2_000 }, (_, at) => `tenant-${at}`);
  const names = Array.from({ length: 20 }, (_, at) => `cell-${at}`);
  return {
    by_table: placed(CELLS, zipfShares(TENANTS, ZIPF_OF_SPLIT)),
    by_hash: spread({ bins: CELLS, members: TENANTS, zipf: ZIPF_OF_SPLIT, runs: flags.runs, random }).fullest_p99,
    moved_by_one_more: movedByOneMore(tenants, names, "cell-20", hash),
  };
}

function table(rows: readonly (Spread & { readonly what: string })[]): string {
  return formatTable(
    ["what", "the largest has", "fullest over mean, p50", "p99"],
    rows.map((row) => [
      row.what,
      `${(100 * row.largest_share).toFixed(2)} %`,
      row.fullest_p50.toFixed(2),
      row.fullest_p99.toFixed(2),
    ]),
    [1, 2, 3],
  );
}

function cellsText(): string {
  const { by_table, by_hash, moved_by_one_more } = cells;
  return [
    `${TENANTS.toLocaleString("en-US")} tenants to ${CELLS} cells: the fullest has ${by_table.toFixed(2)} times the mean by a table that places the largest first,`,
    `${by_hash.toFixed(2)} times by hashing (p99). One cell more than 20 moves ${(100 * moved_by_one_more).toFixed(1)} % of the tenants (rendezvous hashing).`,
  ].join("\n");
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a whole number from 1.");
}
