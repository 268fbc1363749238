/** `sluice cache eval`: how the semantic cache, as it is set, does on labelled pairs. Nothing needs to run. */
import { Command } from "commander";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { scoreAll } from "../../libs/shared/semantic/calibrate.ts";
import { type Evaluation, evaluate } from "../../libs/shared/semantic/evaluate.ts";
import { openCalibrationOf } from "../../libs/shared/semantic/open.ts";
import { EXIT, EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { evaluationTable, label, maxErrorOption, settingsOf, withEmbedder } from "./measure.ts";
import { type PairsRead, readPairs } from "./pairs-file.ts";

const EXAMPLES = `
A line of the file is {"a": "…", "b": "…", "duplicate": true}: two questions, and whether an answer to one serves the other. Measured is what
sluice.yaml sets: cache.semantic.calibration_file, or else what comes with Sluice, at cache.semantic.max_error. Precision is the part of the
hits that are right, recall the part of the duplicates that are hits; "at most" and "at least" are 95 % confidence bounds. Pairs that the
calibration was fitted on read better than they are.

Examples:
  sluice cache eval --pairs pairs.jsonl
  sluice cache eval --pairs pairs.jsonl.gz --max-error 0.05 --json
  zcat pairs.jsonl.gz | sluice cache eval --pairs -
${EXIT_HELP}`;

type Flags = { readonly pairs: string; readonly maxError?: number; readonly json?: boolean };

export type EvalInput = {
  readonly read: PairsRead;
  readonly settings: Settings;
  readonly embedder: Embedder;
  readonly max_error: number;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
};

export function evalCommand(): Command {
  return new Command("eval")
    .description("measure the semantic cache, as it is set, on labelled pairs")
    .requiredOption("--pairs <file>", "JSONL, gzipped or not; - for standard input")
    .addOption(
      maxErrorOption("the part of the hits that may be wrong; default: cache.semantic.max_error of sluice.yaml"),
    )
    .option(
      "--json",
      "one JSON object: precision, recall, false_hits, pairs, duplicates, hits, max_error, threshold, abstained, bounds, rejected_by, bad_lines",
    )
    .addHelpText("after", EXAMPLES)
    .action(async ({ pairs, maxError, json }: Flags) => {
      const stop = listenForStop();
      try {
        const settings = await settingsOf(process.env);
        const max_error = maxError ?? settings.cache.semantic.max_error;
        const read = await readPairs(pairs);
        const rest = { read, settings, max_error, quiet: json === true, signal: stop.signal };
        const evaluation = await withEmbedder(settings, process.env, (embedder) => evalPairs({ ...rest, embedder }));
        if (json) await print(`${JSON.stringify({ ...evaluation, bad_lines: read.bad.length })}\n`);
        else await tell(evaluation);
        process.exitCode = read.bad.length > 0 ? EXIT.some_failed : EXIT.ok;
      } catch (error) {
        if (!stop.signal.aborted || error instanceof SluiceError) throw error;
        process.exitCode = EXIT.interrupted;
      } finally {
        stop.dispose();
      }
    });
}

/** @throws `usage` without pairs; `settings_invalid` for a calibration of another model. */
export async function evalPairs({
  read,
  settings,
  embedder,
  max_error,
  quiet,
  signal,
}: EvalInput): Promise<Evaluation> {
  const calibration = await openCalibrationOf({ ...settings.cache.semantic, enabled: true });
  return evaluate(calibration, scoreAll(calibration, await label(read, embedder, quiet, signal)), max_error);
}

async function tell(evaluation: Evaluation): Promise<void> {
  await print(`${evaluationTable([evaluation])}\n`);
  const refused = Object.entries(evaluation.rejected_by).sort(([, one], [, other]) => other - one);
  const checks = refused.map(([check, count]) => `${check} ${count}`).join(", ");
  say(`${evaluation.pairs} pairs, ${evaluation.duplicates} duplicates; refused by the guard: ${checks || "none"}`);
  if (evaluation.abstained) {
    say(
      "the calibration cannot promise so small an error, so nothing is a hit: allow more, or calibrate on more pairs",
    );
  }
}
