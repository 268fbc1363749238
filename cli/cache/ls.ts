/** `sluice cache ls`: the entries of the cache. */
import { Command } from "commander";
import { selectorMatch } from "../../libs/shared/cache/selector.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { openContext } from "../context.ts";
import { EXIT_HELP, print, say } from "../output/terminal.ts";
import { parseCount } from "../requests/options.ts";
import { withCache } from "./follow.ts";
import { type SelectionFlags, selectorOf } from "./selection.ts";
import { entriesTable } from "./table.ts";

const SHOWN = 50;
const WIDTH = 160;

const EXAMPLES = `
An entry of the kind exact is found by an equal request alone; one of the kind semantic also by a question that means the same.

Examples:
  sluice cache ls
  sluice cache ls --tenant demo --pattern '(?i)refund'
  sluice cache ls --namespace faq --limit 1000 --json | jq -r '.entries[].entry_id'
${EXIT_HELP}`;

type Flags = SelectionFlags & { readonly limit: number; readonly json?: boolean };

export const listCommand = new Command("ls")
  .description("list the entries of the cache, the newest first")
  .option("--tenant <name>", "only this tenant's")
  .option("--namespace <name>", "only those with this metadata.cache_namespace")
  .option("--pattern <regex>", "only those whose question holds this (RE2)")
  .option("--limit <number>", "show so many at the most", parseCount, SHOWN)
  .option("--json", "one JSON object: entries, matched")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const now_ms = systemClock.now_ms();
    const meant = selectorMatch(selectorOf(flags, now_ms), Number.POSITIVE_INFINITY);
    const context = await openContext(process.env);
    const matched = await withCache(context, { bar: flags.json !== true }, async (view) =>
      view.entries().filter(meant),
    );
    const entries = matched.slice(0, flags.limit);
    if (flags.json) return print(`${JSON.stringify({ entries, matched: matched.length })}\n`);
    if (entries.length === 0) return print("no entries\n");
    await print(`${entriesTable(entries, now_ms, process.stdout.columns ?? WIDTH)}\n`);
    const more = matched.length - entries.length;
    if (more > 0) say(`${more} more; --limit shows them`);
  });
