/** `sluice dlq drop`: says of dead letters that nothing more is done about them, and why. */
import { userInfo } from "node:os";
import { Command } from "commander";
import { systemClock } from "../../libs/shared/clock.ts";
import { createBar } from "../output/bar.ts";
import { EXIT, EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { withDeadLetters } from "./open.ts";
import { chosenFilter, type SelectionFlags, withAll } from "./selection.ts";

const EXAMPLES = `
The records stay on their topic until retention takes them; they count as dropped, and are never redriven. Without --yes nothing changes.

Examples:
  sluice dlq drop --code not_json --until 7d --why "test traffic" --yes
  sluice dlq drop --place 3:1042 --why "sent by mistake" --by maria --yes
${EXIT_HELP}`;

type Flags = SelectionFlags & {
  readonly why: string;
  readonly by?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
};

export const dropCommand = withAll(new Command("drop"))
  .description("give dead letters up, with a reason")
  .requiredOption("--why <text>", "the reason, kept with each")
  .option("--by <name>", "who drops them, kept with each; by default the user's name")
  .option("--yes", "do it")
  .option("--json", "one JSON object: done, selected, dropped, handled_before, stopped")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const filter = chosenFilter(flags, systemClock.now_ms());
    const done = flags.yes === true;
    const stop = listenForStop();
    const bar = createBar("dropping", 0, flags.json !== true);
    const ask = { by: byWhom(flags.by), why: flags.why, dry_run: !done };
    const summary = await withDeadLetters((letters) =>
      letters.drop(filter, ask, {
        stopping: stop.signal,
        progress: ({ passed, of, done: dropped }) => bar.update(passed, of, `${dropped} dropped`),
      }),
    ).finally(() => {
      bar.stop();
      stop.dispose();
    });
    const { selected, dropped, handled_before, stopped } = summary;
    if (flags.json) await print(`${JSON.stringify({ done, ...summary })}\n`);
    else {
      const before = handled_before > 0 ? `, ${handled_before} dealt with before` : "";
      const became = `${selected} selected: ${dropped} ${done ? "dropped" : "would be dropped"}${before}`;
      await print(`${selected === 0 ? "no dead letter fits" : became}\n`);
      if (!done && dropped > 0) say("nothing was changed; --yes drops them");
    }
    if (stopped) process.exitCode = EXIT.interrupted;
  });

/** Who does it: as given, else the user of this process. */
export function byWhom(given: string | undefined): string {
  if (given !== undefined) return given;
  try {
    return userInfo().username;
  } catch {
    // A container's user may have no name.
    return "cli";
  }
}
