/** `sluice cache`: what is in the cache, what goes out of it, what is put into it, and how far it may be trusted. */
import { Command } from "commander";
import { calibrateCommand } from "./cache/calibrate.ts";
import { evalCommand } from "./cache/eval.ts";
import { listCommand } from "./cache/ls.ts";
import { purgeCommand } from "./cache/purge.ts";
import { reportCommand } from "./cache/report.ts";
import { showCommand } from "./cache/show.ts";
import { statsCommand } from "./cache/stats.ts";
import { warmCommand } from "./cache/warm.ts";
import { EXIT_HELP } from "./output/terminal.ts";

const EXAMPLES = `
Examples:
  sluice cache stats
  sluice cache ls --tenant demo
  sluice cache show 3f9a1c02be77
  sluice cache purge --tenant demo --older-than 7d
  sluice cache warm --tenant demo --file faq.jsonl --ttl 30d
  sluice cache report req_0f3c --tenant demo
  sluice cache calibrate --pairs pairs.jsonl --max-error 0.02
${EXIT_HELP}`;

export const cacheCommand = new Command("cache")
  .description("look into the cache, purge it, warm it, and measure how far it may be trusted")
  .addHelpText("after", EXAMPLES)
  .addCommand(listCommand)
  .addCommand(showCommand)
  .addCommand(statsCommand)
  .addCommand(purgeCommand)
  .addCommand(reportCommand())
  .addCommand(warmCommand)
  .addCommand(calibrateCommand())
  .addCommand(evalCommand());
