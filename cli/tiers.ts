/** `sluice tiers`: the tiers, and policies that choose between them. */
import { Command } from "commander";
import { EXIT_HELP } from "./output/terminal.ts";
import { evalCommand } from "./tiers/eval.ts";
import { fitCommand } from "./tiers/fit.ts";
import { listCommand } from "./tiers/ls.ts";

const EXAMPLES = `
Examples:
  sluice tiers ls
  sluice tiers eval --file labelled.jsonl.gz
  sluice tiers fit --file labelled.jsonl.gz --target-cost-share 0.4
${EXIT_HELP}`;

export const tiersCommand = new Command("tiers")
  .description("list the tiers, fit and measure the policy that chooses between them")
  .addHelpText("after", EXAMPLES)
  .addCommand(listCommand)
  .addCommand(evalCommand)
  .addCommand(fitCommand);
