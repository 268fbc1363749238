/** `sluice replay`: runs recorded requests again, after a preview that costs nothing. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { Command, Option } from "commander";
import { systemClock } from "../libs/shared/clock.ts";
import type { Settings } from "../libs/shared/config/schema.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import { statusField } from "../libs/shared/events/fields.ts";
import { nusd } from "../libs/shared/money.ts";
import { replayId } from "../libs/shared/replay/id.ts";
import { type ReplaySpec, STAGES } from "../libs/shared/replay/replay.ts";
import type { ReplayParts } from "../services/replay/parts.ts";
import { print, say } from "./output/terminal.ts";
import { compareCommand } from "./replay/compare.ts";
import { withReplayParts } from "./replay/parts.ts";
import { askAndRun, checkBudget, EXIT_BUDGET, found, previewAndRun, type RunFlags, workOn } from "./replay/run.ts";
import {
  parseBudget,
  parseLabel,
  parseList,
  parseOffsets,
  type SpecContext,
  type SpecFlags,
  specOf,
} from "./replay/spec.ts";
import { listText, replayJson, showText } from "./replay/view.ts";
import { parseCount, parseRate } from "./requests/options.ts";

const RANDOM_BYTES = 6;
const MODES = ["reuse", "recompute", "shadow", "what-if", "stage"] as const;

const EXIT_CODES = `
Exit codes: 0 all well; 1 something failed; 2 wrong usage; 3 no running Sluice was found; ${EXIT_BUDGET} the budget is used up, the replay is
paused; 130 stopped before the end.`;

const EXAMPLES = `
A replay shows first what it would do, and runs after a confirmation (or --yes). Its results go to a topic of its own; it tells no webhook,
charges nobody and fills no cache unless told to. Ctrl-C pauses it; so does a crash: it goes on where it stood, and nothing is done twice.

Modes:
  reuse      validated as now, with the recorded answer: no call is made
  recompute  the same tier and model, called again
  shadow     another tier, another model or other settings, called
  what-if    other settings decide once more, with recorded answers: no call is made
  stage      a service's own input is sent through it again

Examples:
  sluice replay --since 1h --mode reuse
  sluice replay --status failed --error-code provider_unavailable --since 2h --mode recompute --budget-usd 2
  sluice replay --since 1d --limit 500 --mode shadow --to-tier small --budget-usd 1 --yes
  sluice replay --since 1d --mode what-if --settings new.yaml
  sluice replay --stage results --since 30m --yes
  sluice replay resume rp_0mg5k2a1b3f00ba45c1d2
${EXIT_CODES}`;

type Flags = SpecFlags & RunFlags & { readonly settings?: string };

export const replayCommand = new Command("replay")
  .description("run recorded requests again, after a preview that costs nothing")
  .enablePositionalOptions()
  .option(
    "--topic <name>",
    "topic, with or without its prefix; several with commas between them (default: requests,requests.batch, or the input of the stage)",
  )
  .option("--since <when>", "written since: a duration back (1h) or an RFC 3339 time")
  .option("--until <when>", "written before")
  .option(
    "--from-offsets <p:from-to>",
    "of a partition, from this offset to before that one; may be repeated",
    parseOffsets,
  )
  .option("--id <id>", "this request; may be repeated", parseList)
  .option("--tenant <name>", "of this tenant")
  .option("--status <status>", "whose result has this status; may be repeated", parseStatus)
  .option("--tier <tier>", "that this tier answered; may be repeated", parseList)
  .option("--model <model>", "that this model answered; may be repeated", parseList)
  .option("--error-code <code>", "whose result has this error; may be repeated", parseList)
  .option("--label <k=v>", "whose metadata has this; may be repeated", parseLabel)
  .option("--limit <n>", "at most so many, the first of each partition in turn", parseCount)
  .addOption(new Option("--mode <mode>", "what to do with them (default: reuse)").choices(MODES))
  .addOption(new Option("--stage <service>", "mode stage, of this service").choices(STAGES))
  .option("--to-tier <tier>", "of shadow: this tier")
  .option("--to-model <model>", "of shadow: this model")
  .option("--settings <file>", "of shadow and what-if: a whole settings file")
  .option("--budget-usd <n>", "of recompute and shadow: spend no more", parseBudget)
  .option("--rate <n>", "records a second at the most: 50, 600/m", parseRate)
  .option("--webhooks", "tell webhooks of what is replayed")
  .option("--charge", "charge the tenants for what is called")
  .option("--fill-cache", "keep the answers in the cache")
  .option("--yes", "do not ask")
  .option("--detach", "leave the run to the service")
  .option("--json", "one JSON object, the replay: id, status, topic, preview, totals, error")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const tried = flags.settings === undefined ? undefined : await settingsIn(flags.settings);
    const { text, settings } = tried ?? {};
    const work = async (parts: ReplayParts): Promise<void> => {
      const spec = specOf(flags, specContext(parts, text));
      await previewAndRun(workOn(parts, flags), await create(parts, spec, flags));
    };
    await withReplayParts(process.env, work, settings);
  });

const resume = new Command("resume")
  .description("run what was previewed, or go on with what was paused, has failed, or was left by a crash")
  .argument("<id>", "the replay")
  .option("--budget-usd <n>", "what it may cost in all", parseBudget)
  .option("--yes", "do not ask, where it has no preview yet")
  .option("--detach", "leave the run to the service")
  .option("--json", "one JSON object, the replay")
  .addHelpText("after", EXIT_CODES)
  .action(async (id: string, flags: RunFlags) => {
    await withReplayParts(process.env, async (parts) => {
      const work = workOn(parts, flags);
      const replay = await found(work.store, id);
      if (replay.preview !== undefined) await checkBudget(work, replay);
      await askAndRun(work, id);
    });
  });

const ls = new Command("ls")
  .description("list replays, the latest first")
  .option("--limit <n>", "so many", parseCount, 20)
  .option("--json", "a JSON list")
  .action(async ({ limit, json }: { limit: number; json?: boolean }) => {
    await withReplayParts(process.env, async (parts) => {
      const replays = await workOn(parts, {}).store.list({ limit });
      const shown = replays.map((replay) => replayJson(replay, parts.names));
      await print(json ? `${JSON.stringify(shown)}\n` : listText(replays));
    });
  });

const show = new Command("show")
  .description("what a replay was asked for, and how far it is")
  .argument("<id>", "the replay")
  .option("--json", "one JSON object, the replay with its comparison")
  .action(async (id: string, { json }: { json?: boolean }) => {
    await withReplayParts(process.env, async (parts) => {
      const replay = await found(workOn(parts, {}).store, id);
      await print(json ? `${JSON.stringify(replayJson(replay, parts.names))}\n` : showText(replay, parts.names));
    });
  });

for (const command of [ls, show, resume, wanting("pause"), wanting("cancel"), compareCommand]) {
  replayCommand.addCommand(command);
}

function wanting(wanted: "pause" | "cancel"): Command {
  const description = wanted === "pause" ? "pause a replay; it can go on later" : "end a replay for good";
  return new Command(wanted)
    .description(description)
    .argument("<id>", "the replay")
    .option("--json", "one JSON object, the replay")
    .action(async (id: string, { json }: { json?: boolean }) => {
      await withReplayParts(process.env, async (parts) => {
        const { store } = workOn(parts, {});
        await store.want(id, wanted, systemClock.now_ms());
        const replay = await found(store, id);
        if (json) await print(`${JSON.stringify(replayJson(replay, parts.names))}\n`);
        else say(replay.wanted === undefined ? `${id} is ${replay.status}` : `whoever runs ${id} has been told`);
      });
    });
}

async function create(parts: ReplayParts, spec: ReplaySpec, { budgetUsd }: RunFlags): Promise<string> {
  const { migrate } = await import("../libs/shared/postgres/migrations.ts");
  await migrate(parts.pool);
  const created_ms = systemClock.now_ms();
  const id = replayId(created_ms, randomBytes(RANDOM_BYTES));
  const budget = budgetUsd === undefined ? {} : { budget_nusd: nusd(budgetUsd) };
  const by = `${userInfo().username} (sluice replay)`;
  await workOn(parts, {}).store.create({ id, spec, runner: "cli", by, created_ms, ...budget });
  return id;
}

function specContext({ names, settings }: ReplayParts, text: ReplaySpec["settings"]): SpecContext {
  const { prefix } = settings.topics;
  const read = text === undefined ? {} : { settings: text };
  return { names, prefix, tiers: Object.keys(settings.tiers), now_ms: systemClock.now_ms(), ...read };
}

type Tried = { readonly text: NonNullable<ReplaySpec["settings"]>; readonly settings: Settings };

/** What is wrong with it is told before anything is previewed. @throws `settings_invalid` */
async function settingsIn(name: string): Promise<Tried> {
  const yaml = await textOf(name);
  const { parseSettings } = await import("../libs/shared/config/parse.ts");
  return { text: { name, yaml }, settings: parseSettings(yaml, name) };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new SluiceError("usage", `--settings ${file} cannot be read: ${(error as Error).message}`);
  }
}

function parseStatus(text: string, before: readonly string[] = []): string[] {
  const all = parseList(text, before);
  const odd = all.find((one) => !statusField.safeParse(one).success);
  if (odd === undefined) return all;
  throw new SluiceError("usage", `there is no status ${odd}`, {
    fix: `Name one of ${statusField.options.join(", ")}.`,
  });
}
