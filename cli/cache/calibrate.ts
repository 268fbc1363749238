/** `sluice cache calibrate`: fits the verifier, and how far it may be trusted, on labelled pairs. Nothing needs to run. */
import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { calibrate, type LabelledPair, REFIT_PAIRS_MIN, scoreAll } from "../../libs/shared/semantic/calibrate.ts";
import type { Calibration } from "../../libs/shared/semantic/calibration.ts";
import { type Evaluation, evaluate } from "../../libs/shared/semantic/evaluate.ts";
import { FIT_DEFAULTS, type FitOptions } from "../../libs/shared/semantic/fit.ts";
import { DEFAULT_FILE, openCalibration, printCalibration } from "../../libs/shared/semantic/open.ts";
import { splitGroups } from "../../libs/shared/semantic/split.ts";
import { ERROR_GRID } from "../../libs/shared/semantic/thresholds.ts";
import { createBar } from "../output/bar.ts";
import { EXIT, EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { evaluationTable, label, maxErrorOption, settingsOf, withEmbedder } from "./measure.ts";
import { type PairsRead, readPairs } from "./pairs-file.ts";

/** Kept aside for the table that is printed: a part of many pairs, and more of few. */
const TEST_SHARE = { many: 0.2, few: 0.4 };

const EXAMPLES = `
A line of the file is {"a": "…", "b": "…", "duplicate": true}: two questions, and whether an answer to one serves the other. Take them from
your own traffic. Pairs that share a question stay together; so do pairs of one "group", where lines have one. A part of the pairs is kept
aside, and the table is measured on it alone.

With ${REFIT_PAIRS_MIN} pairs or more beside that part, the verifier is fitted anew. With fewer, the one that comes with Sluice stays, and its
probabilities and thresholds are fitted to your pairs. For each error the lowest threshold is taken that keeps within it with 95 % confidence;
where there is none, the cache abstains. For an error of 2 % that takes 149 hits at the very least, without a single wrong one.

Examples:
  sluice cache calibrate --pairs pairs.jsonl --max-error 0.02
  sluice cache calibrate --pairs pairs.jsonl.gz --max-error 0.05 --out calibration.json
Then name the file in sluice.yaml:
  cache: { semantic: { max_error: 0.02, calibration_file: calibration.json } }
${EXIT_HELP}`;

type Flags = {
  readonly pairs: string;
  readonly maxError?: number;
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
};

export type CalibrateInput = {
  readonly read: PairsRead;
  readonly settings: Settings;
  readonly embedder: Embedder;
  readonly max_error: number;
  readonly fit: FitOptions;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
};

export type Calibrated = {
  readonly calibration: Calibration;
  /** On the pairs kept aside, by error; the one asked for is among them. */
  readonly table: readonly Evaluation[];
};

export function calibrateCommand(): Command {
  return new Command("calibrate")
    .description("fit the semantic cache's verifier and thresholds on labelled pairs")
    .requiredOption("--pairs <file>", "JSONL, gzipped or not; - for standard input")
    .addOption(
      maxErrorOption("the part of the hits that may be wrong; default: cache.semantic.max_error of sluice.yaml"),
    )
    .option("--out <file>", "where the calibration is written", "calibration.json")
    .option("--seed <number>", "another one splits and fits otherwise", parseSeed, 1)
    .option("--json", "one JSON object: out, trees_of, pairs, max_error, threshold, abstained, table, bad_lines")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Flags) => {
      const stop = listenForStop();
      try {
        process.exitCode = await run(flags, stop.signal);
      } catch (error) {
        if (!stop.signal.aborted || error instanceof SluiceError) throw error;
        process.exitCode = EXIT.interrupted;
      } finally {
        stop.dispose();
      }
    });
}

async function run({ pairs, maxError, out, seed, json }: Flags, signal: AbortSignal): Promise<number> {
  const settings = await settingsOf(process.env);
  const max_error = maxError ?? settings.cache.semantic.max_error;
  const read = await readPairs(pairs);
  const rest = { read, settings, max_error, fit: { ...FIT_DEFAULTS, seed }, quiet: json === true, signal };
  const { calibration, table } = await withEmbedder(settings, process.env, (embedder) =>
    calibratePairs({ ...rest, embedder }),
  );
  await writeFile(out, printCalibration(calibration));
  const asked = table.find((row) => row.max_error === max_error);
  const { threshold = null, abstained = true } = asked ?? {};
  const { trees_of } = calibration;
  if (json) {
    const facts = { out, trees_of, pairs: read.pairs.length, max_error, threshold, abstained, table };
    await print(`${JSON.stringify({ ...facts, bad_lines: read.bad.length })}\n`);
  } else {
    await tell(calibration, table, asked, out);
  }
  return read.bad.length > 0 ? EXIT.some_failed : EXIT.ok;
}

/** @throws `usage` without pairs of both kinds; `settings_invalid` where there are few and the default is for another embedding model. */
export async function calibratePairs(input: CalibrateInput): Promise<Calibrated> {
  const { read, settings, embedder, max_error, fit, quiet, signal } = input;
  const labelled = await label(read, embedder, quiet, signal);
  const { own, aside } = partsOf(labelled, fit.seed);
  for (const duplicate of [true, false]) {
    if (own.some((pair) => pair.duplicate === duplicate)) continue;
    throw new SluiceError("usage", `there are too few pairs: none to fit on with "duplicate": ${duplicate}`, {
      fix: "Bring pairs of both kinds, of many different questions.",
    });
  }
  const embedding_model = settings.cache.semantic.embedding.model;
  const standing = own.length < REFIT_PAIRS_MIN ? await standingFor(embedding_model, own.length) : undefined;
  const max_errors = [...new Set([...ERROR_GRID, max_error])];
  const bar = createBar("fitting", 1, !quiet);
  const told = (done: number, total: number): void => bar.update(done, total, "trees");
  const calibration = calibrate(own, standing, { embedding_model, max_errors, fit, told });
  bar.stop();
  const scored = scoreAll(calibration, aside);
  const table = max_errors.sort((one, other) => one - other).map((error) => evaluate(calibration, scored, error));
  return { calibration, table };
}

function partsOf(pairs: readonly LabelledPair[], seed: number) {
  const groups = pairs.map(({ group }) => group);
  const share = pairs.length * (1 - TEST_SHARE.many) >= REFIT_PAIRS_MIN ? TEST_SHARE.many : TEST_SHARE.few;
  const [own = [], aside = []] = splitGroups(groups, [1 - share, share], seed);
  const pick = (rows: readonly number[]) => rows.map((row) => pairs[row] as LabelledPair);
  return { own: pick(own), aside: pick(aside) };
}

async function standingFor(model: string, count: number): Promise<Calibration> {
  const standing = await openCalibration(DEFAULT_FILE);
  if (standing.embedding_model === model) return standing;
  const message = `${count} pairs are too few to fit trees for ${model}; what comes with Sluice is for ${standing.embedding_model}`;
  throw new SluiceError("settings_invalid", message, {
    fix: `Bring ${REFIT_PAIRS_MIN} pairs or more beside those kept aside.`,
  });
}

async function tell(
  { trees_of, pairs, embedding_model }: Calibration,
  table: readonly Evaluation[],
  asked: Evaluation | undefined,
  out: string,
): Promise<void> {
  const how =
    trees_of === "pairs"
      ? "the verifier is fitted anew"
      : "the verifier of the default stays, its thresholds are fitted";
  say(
    `${pairs} pairs to fit on, for ${embedding_model}: ${how}; ${table[0]?.pairs ?? 0} pairs kept aside gave this table:`,
  );
  await print(`${evaluationTable(table)}\n`);
  if (asked?.abstained) {
    const least = table.find(({ abstained }) => !abstained)?.max_error;
    const what = least === undefined ? "none can be" : `the least that can be is ${least}`;
    say(
      `an error of ${asked.max_error} cannot be promised on these pairs (${what}): with it the cache abstains. Allow more, or bring more pairs.`,
    );
  }
  say(`written: ${out}; name it in cache.semantic.calibration_file`);
}

function parseSeed(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}
