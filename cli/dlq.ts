/** `sluice dlq`: what no retry could help: looked into, sent on its way again, or given up. */
import { Command } from "commander";
import { dropCommand } from "./dlq/drop.ts";
import { lsCommand } from "./dlq/ls.ts";
import { redriveCommand } from "./dlq/redrive.ts";
import { showCommand } from "./dlq/show.ts";
import { EXIT_HELP } from "./output/terminal.ts";

const EXAMPLES = `
Examples:
  sluice dlq ls
  sluice dlq show 3:1042
  sluice dlq redrive --code provider_error --dry-run
  sluice dlq redrive --code provider_error --yes
  sluice dlq drop --code not_json --why "test traffic" --yes
${EXIT_HELP}`;

export const dlqCommand = new Command("dlq")
  .description("look into dead letters, redrive them, or give them up")
  .addHelpText("after", EXAMPLES)
  .addCommand(lsCommand)
  .addCommand(showCommand)
  .addCommand(redriveCommand)
  .addCommand(dropCommand);
