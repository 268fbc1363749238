/** `sluice dlq redrive`: sends dead letters on their way again, once whatever was wrong is mended. */
import { Command, Option } from "commander";
import { systemClock } from "../../libs/shared/clock.ts";
import type { HeaderChoice } from "../../libs/shared/dead-letters/headers.ts";
import { createBar } from "../output/bar.ts";
import { printable } from "../output/format.ts";
import { EXIT, EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { parseRate } from "../requests/options.ts";
import { byWhom } from "./drop.ts";
import { withDeadLetters } from "./open.ts";
import { chosenFilter, type SelectionFlags, withAll } from "./selection.ts";
import { summaryLines } from "./view.ts";

const EXAMPLES = `
Without --yes nothing is sent: it says what would be. A request that has no Result goes on where it stopped. One that has failed or
expired is run once more under an id of its own, with a budget of its own, and its row gets the answer. One that has ended otherwise is
left. Each dead letter is redriven once; one that came back dlq.redrives_max times is left unless --force says otherwise.

Examples:
  sluice dlq redrive --code provider_error --dry-run
  sluice dlq redrive --code provider_error --since 2h --yes --rate 50/s
  sluice dlq redrive --place 3:1042 --yes --json

Exit code 1 also says that some were left: they came back too often, or cannot be sent.
${EXIT_HELP}`;

type Flags = SelectionFlags & {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly rate?: number;
  readonly headers?: string;
  readonly allHeaders?: boolean;
  readonly force?: boolean;
  readonly by?: string;
  readonly why?: string;
  readonly json?: boolean;
};

export const redriveCommand = withAll(new Command("redrive"))
  .description("send dead letters on their way again, after a dry run")
  .addOption(new Option("--dry-run", "send nothing; say what would be sent").conflicts("yes"))
  .option("--yes", "do it")
  .option("--rate <rate>", "at most so many, such as 50/s or 600/m; by default dlq.rate_per_s", parseRate)
  .option(
    "--headers <names>",
    "of the record's headers take these along, with commas between; by default those that go from hop to hop",
  )
  .addOption(new Option("--all-headers", "take all of the record's headers along").conflicts("headers"))
  .option("--force", "also what came back too often")
  .option("--by <name>", "who redrives, kept with each; by default the user's name")
  .option("--why <text>", "the reason, kept with each")
  .option(
    "--json",
    "one JSON object: id, dry_run, selected, sent_back, run, by_target, looped, already_ended, impossible, left…",
  )
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const filter = chosenFilter(flags, systemClock.now_ms());
    const dry_run = flags.yes !== true;
    const stop = listenForStop();
    const bar = createBar(dry_run ? "looking" : "redriving", 0, flags.json !== true);
    const ask = {
      by: byWhom(flags.by),
      dry_run,
      headers: headersOf(flags),
      force: flags.force === true,
      ...(flags.why === undefined ? {} : { why: flags.why }),
      ...(flags.rate === undefined ? {} : { rate_per_s: flags.rate }),
    };
    const { summary, names } = await withDeadLetters(async (letters, { names }) => ({
      names,
      summary: await letters.redrive(filter, ask, {
        stopping: stop.signal,
        progress: ({ passed, of, done }) => bar.update(passed, of, `${done} ${dry_run ? "to send" : "sent"}`),
      }),
    })).finally(() => {
      bar.stop();
      stop.dispose();
    });
    if (flags.json) await print(`${JSON.stringify(summary)}\n`);
    else await print(`${printable(summaryLines(summary).join("\n"))}\n`);
    const { looped, impossible, stopped, sent_back, run } = summary;
    if (dry_run && sent_back + run > 0 && !flags.json) say("nothing was sent; --yes sends them");
    if (!dry_run && run > 0 && !flags.json) say(whereResults(names.replay(summary.id)));
    if (looped + impossible > 0) process.exitCode = EXIT.some_failed;
    if (stopped) process.exitCode = EXIT.interrupted;
  });

function whereResults(topic: string): string {
  return `where a run succeeds, its request gets the answer; the runs' own Results: npx sluice tail ${topic} --no-follow`;
}

function headersOf({ headers, allHeaders }: Flags): HeaderChoice {
  if (allHeaders === true) return "all";
  return headers === undefined ? "travelling" : headers.split(",").map((name) => name.trim());
}
