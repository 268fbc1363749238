/** `sluice rollout`: a new model, prompt or policy, for a growing part of the requests. */
import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../libs/shared/clock.ts";
import type { Settings } from "../libs/shared/config/schema.ts";
import { wantsEmbeddings } from "../libs/shared/embedding/place.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import type { RolloutEvent } from "../libs/shared/events/control.ts";
import { changeProblem, changeText, type RolloutChange } from "../libs/shared/rollout/changes.ts";
import { rolloutView, stageView } from "../libs/shared/rollout/stage-view.ts";
import { type Step, started, stepped } from "../libs/shared/rollout/steps.ts";
import { loadPolicy } from "../libs/shared/routing/policy-file.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { EXIT_HELP, print } from "./output/terminal.ts";
import { publishRollout, readRollouts, readSides } from "./rollout/store.ts";
import { rolloutsTable, stageText } from "./rollout/view.ts";

const EXAMPLES = `
Who is on the new side at 10 % stays there at 25 %: the side is a hash of tenant and user (else session, else id). Running, it moves by
itself through routing.rollout.stages while the new side keeps within bounds beside the old one, and back when it does not.

Examples:
  sluice rollout start cheaper --tier small --model gpt-4.1-nano
  sluice rollout start terse --tier small --prompt v2 --percent 5 --manual
  sluice rollout start fitted --policy policies/fitted.json
  sluice rollout show cheaper
  sluice rollout move cheaper --percent 25
  sluice rollout rollback cheaper
${EXIT_HELP}`;

type JsonFlag = { readonly json?: boolean };
type StartFlags = JsonFlag & {
  readonly tier?: string;
  readonly model?: string;
  readonly prompt?: string;
  readonly policy?: string;
  readonly percent?: number;
  readonly manual?: boolean;
};

const BY = "sluice rollout";

const start = new Command("start")
  .description("begin with the first stage, or the percentage given")
  .argument("<name>", "lower-case letters, digits, - or _")
  .option("--tier <name>", "with --model or --prompt")
  .option("--model <model>", "one of the tier's models, to be called first")
  .option("--prompt <version>", "one of the tier's prompts, by version")
  .option("--policy <file>", "what `sluice tiers fit` wrote; routers must find it at the same path")
  .option("--percent <number>", "part of the requests, 1 to 100", parsePercent)
  .option("--manual", "move it by `sluice rollout move` alone")
  .option("--json", "one JSON object: the state")
  .action(async (name: string, flags: StartFlags) => {
    const change = await changeOf(flags);
    const context = await openRollouts();
    const problem = changeProblem(change, context.settings) ?? unembedded(change, context.settings);
    if (problem !== undefined) throw new SluiceError("usage", problem);
    const book = await readRollouts(context);
    const { percent, manual = false } = flags;
    const now_ms = systemClock.now_ms();
    const asked = { name, change, percent, manual, by: BY, now_ms };
    await tell(context, started(book, context.settings.routing.rollout, asked), flags);
  });

const list = new Command("ls")
  .description("list the rollouts, the latest first")
  .option("--json", "one JSON object: rollouts")
  .action(async (flags: JsonFlag) => {
    const context = await openRollouts();
    const views = (await readRollouts(context))
      .all()
      .map(({ state }) => rolloutView(state, changeProblem(state.change, context.settings)));
    if (flags.json) return print(`${JSON.stringify({ rollouts: views })}\n`);
    await print(views.length === 0 ? "there are no rollouts\n" : `${rolloutsTable(views)}\n`);
  });

const show = new Command("show")
  .description("show how far it is, what both sides came to in this stage, and what comes next")
  .argument("<name>")
  .option("--json", "one JSON object: the state, sides, checks, next")
  .action(async (name: string, flags: JsonFlag) => {
    const context = await openRollouts();
    const state = await stateOf(context, name);
    const sides = await readSides(context, state);
    const { settings } = context;
    const problem = changeProblem(state.change, settings);
    const view = stageView(state, problem, sides, settings.routing.rollout, systemClock.now_ms());
    await print(flags.json ? `${JSON.stringify(view)}\n` : stageText(view));
  });

const move = new Command("move")
  .description("go on, or back, to another part of the requests; a paused one runs again")
  .argument("<name>")
  .requiredOption("--percent <number>", "1 to 100", parsePercent)
  .option("--json", "one JSON object: the state")
  .action((name: string, { percent, ...flags }: JsonFlag & { readonly percent: number }) =>
    step(name, { kind: "move", percent }, flags),
  );

export const rolloutCommand = new Command("rollout")
  .description("give a growing part of the requests a new model, prompt or policy")
  .addHelpText("after", EXAMPLES)
  .addCommand(start)
  .addCommand(list)
  .addCommand(show)
  .addCommand(move)
  .addCommand(stepCommand("pause", "keep it where it is: it neither moves by itself nor is rolled back by itself"))
  .addCommand(stepCommand("resume", "go on with a paused one; its stage begins anew"))
  .addCommand(stepCommand("rollback", "give nobody the new side any more"))
  .addCommand(stepCommand("finish", "give everybody the new side from now on"));

function stepCommand(kind: Exclude<Step["kind"], "move">, description: string): Command {
  return new Command(kind)
    .description(description)
    .argument("<name>")
    .option("--json", "one JSON object: the state")
    .action((name: string, flags: JsonFlag) => step(name, { kind }, flags));
}

async function step(name: string, wanted: Step, flags: JsonFlag): Promise<void> {
  const context = await openRollouts();
  await tell(context, stepped(await stateOf(context, name), wanted, BY, systemClock.now_ms()), flags);
}

async function openRollouts(): Promise<CliContext> {
  const context = await openContext(process.env);
  await registerSchemas(context);
  return context;
}

async function stateOf(context: CliContext, name: string): Promise<RolloutEvent> {
  const book = await readRollouts(context);
  const known = book.get(name);
  if (known !== undefined) return known.state;
  const names = book.all().map(({ state }) => state.name);
  const fix =
    names.length === 0 ? "There are none; `sluice rollout start` begins one." : `There are ${names.join(", ")}.`;
  throw new SluiceError("usage", `there is no rollout "${name}"`, { fix });
}

async function tell(context: CliContext, state: RolloutEvent, { json }: JsonFlag): Promise<void> {
  await publishRollout(context, state);
  const { name, change, status, percent } = state;
  const where = { running: `runs at ${percent} %`, paused: `is paused at ${percent} %` } as const;
  const ended = { done: "is done: everybody has the new side", rolled_back: "is rolled back" } as const;
  const words = { ...where, ...ended }[status];
  await print(
    json ? `${JSON.stringify(rolloutView(state, undefined))}\n` : `${name} (${changeText(change)}) ${words}\n`,
  );
}

/** @throws `usage` for anything but one change, `settings_invalid` for a file that is no policy. */
async function changeOf({ tier, model, prompt, policy }: StartFlags): Promise<RolloutChange> {
  const given = [model, prompt, policy].filter((value) => value !== undefined);
  if (given.length !== 1) throw new SluiceError("usage", "name one change: --model, --prompt or --policy");
  if (policy !== undefined) {
    if (tier !== undefined) throw new SluiceError("usage", "a policy has no --tier: it chooses among them");
    return { of: "policy", policy_file: await readable(policy) };
  }
  if (tier === undefined) throw new SluiceError("usage", "name the --tier whose model or prompt it is");
  if (model !== undefined) return { of: "model", tier, model };
  return { of: "prompt", tier, prompt: prompt as string };
}

/** A policy judges embeddings: routers that have none would go on by the heuristic. */
function unembedded(change: RolloutChange, settings: Settings): string | undefined {
  if (change.of !== "policy" || wantsEmbeddings(settings)) return undefined;
  return "a policy needs embeddings, and the settings have none: switch cache.semantic.enabled on";
}

/** Its path from the root, so that every router on this machine finds it wherever it was started. */
async function readable(file: string): Promise<string> {
  const path = resolve(file);
  await loadPolicy(path);
  return path;
}

function parsePercent(text: string): number {
  const percent = Number(text);
  if (/^\d{1,3}$/.test(text) && percent >= 1 && percent <= 100) return percent;
  throw new InvalidArgumentError("Expected a whole number from 1 to 100.");
}
