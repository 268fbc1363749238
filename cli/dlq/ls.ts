/** `sluice dlq ls`: dead letters by reason. */
import { Command } from "commander";
import { systemClock } from "../../libs/shared/clock.ts";
import { createBar } from "../output/bar.ts";
import { printable } from "../output/format.ts";
import { EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { withDeadLetters } from "./open.ts";
import { filterOf, type SelectionFlags, withSelection } from "./selection.ts";
import { groupsTable } from "./view.ts";

const EXAMPLES = `
Examples:
  sluice dlq ls
  sluice dlq ls --since 2h --service inference
  sluice dlq ls --json | jq '.reasons[] | {code, waiting}'
${EXIT_HELP}`;

type Flags = SelectionFlags & { readonly json?: boolean };

export const lsCommand = withSelection(new Command("ls"))
  .description("group dead letters by reason: how many wait, since when, and a sample of each")
  .option(
    "--json",
    "one JSON object: reasons with code, service, topic, count, waiting, redriven, dropped, times, sample",
  )
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const filter = filterOf(flags, systemClock.now_ms());
    const stop = listenForStop();
    const bar = createBar("reading", 0, flags.json !== true);
    const reasons = await withDeadLetters((letters) =>
      letters.groups(filter, {
        stopping: stop.signal,
        progress: ({ passed, of }) => bar.update(passed, of, ""),
      }),
    ).finally(() => {
      bar.stop();
      stop.dispose();
    });
    if (flags.json) await print(`${JSON.stringify({ reasons })}\n`);
    else if (reasons.length === 0) say("no dead letters");
    else {
      await print(`${printable(groupsTable(reasons))}\n`);
      say(`\`npx sluice dlq show ${reasons[0]?.sample.place}\` shows one of them, and what a redrive would do`);
    }
  });
