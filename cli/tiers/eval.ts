/** `sluice tiers eval`: what a policy's choices are worth on labelled prompts, beside simpler rankings. */
import { Command } from "commander";
import { FOLDS, REPEATS } from "../../libs/shared/routing/fitting.ts";
import { EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { type EvaluationFlags, evaluateLabelled } from "./evaluate.ts";
import { readRows } from "./rows.ts";
import { evaluationText } from "./view.ts";

const HELP = `
The file has a JSON object a line: prompt, weak_correct and strong_correct (true, false, or a quality from 0 to 1); weak_response and
strong_response, where they are there, tell what the answers cost. It may be gzipped (.gz); - is standard input.

Without --policy, prompts are ranked by models fitted without them: cross-validation, ${FOLDS} folds by prompt, ${REPEATS} times. With it, by the
policy as it is: on prompts that it was fitted on it looks better than it is.

APGR is RouteLLM's: the gap recovered by a share of strong calls is (quality − weak) / (strong − weak), and APGR is the area under it for
shares from 0 to 1. A ranking without order has 0.5, one that knows the answers more than 1.

Examples:
  sluice tiers eval --file labelled.jsonl.gz
  sluice tiers eval --file held-out.jsonl --policy policy.json
  sluice tiers eval --file labelled.jsonl --json
${EXIT_HELP}`;

type Flags = EvaluationFlags & { readonly json?: boolean };

export const evalCommand = new Command("eval")
  .description("measure what a tier policy is worth on labelled prompts")
  .requiredOption("--file <file>", "labelled prompts, JSONL(.gz); - for standard input")
  .option("--policy <file>", "a policy that `sluice tiers fit` wrote; default: cross-validation")
  .option("--weak <tier>", "the cheaper tier, for its price; default: the first of the ladder")
  .option("--strong <tier>", "the dearer one; default: the second of the ladder")
  .option("--json", "one JSON object: apgr, cpt, baselines, curve…")
  .addHelpText("after", HELP)
  .action(async (flags: Flags) => {
    const stop = listenForStop();
    try {
      const labelled = await readRows(flags.file);
      for (const { line, problem } of labelled.bad) say(`line ${line}: ${problem}`);
      const run = { env: process.env, bar: flags.json !== true, signal: stop.signal };
      const found = await evaluateLabelled(labelled, flags, run);
      await print(flags.json ? `${JSON.stringify(found)}\n` : evaluationText(found));
    } finally {
      stop.dispose();
    }
  });
