/** `sluice cache`: what is in the cache, what goes out of it, what is put into it, and how far it may be trusted. */
import { Command } from "commander";
import { listCommand } from "./cache/ls.ts";
import { purgeCommand } from "./cache/purge.ts";
import { reportCommand } from "./cache/report.ts";
import { showCommand } from "./cache/show.ts";
import { statsCommand } from "./cache/stats.ts";
import { EXIT_HELP } from "./output/terminal.ts";

const EXAMPLES = `
Examples:
  sluice cache stats
  sluice cache ls --tenant demo
  sluice cache show 3f9a1c02be77
  sluice cache purge --tenant demo --older-than 7d
  sluice cache report req_0f3c --tenant demo
${EXIT_HELP}`;

export const cacheCommand = new Command("cache")
  .description("look into the cache and purge it")
  .addHelpText("after", EXAMPLES)
  .addCommand(listCommand)
  .addCommand(showCommand)
  .addCommand(statsCommand)
  .addCommand(purgeCommand)
  .addCommand(reportCommand());
