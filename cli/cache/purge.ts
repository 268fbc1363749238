/** `sluice cache purge`: says what would go, and with --yes tells every router that it is gone. */
import { Command, Option } from "commander";
import { type CacheView, entryIdFrom } from "../../libs/shared/cache/cache-view.ts";
import { goneOf, type Plan } from "../../libs/shared/cache/purge-plan.ts";
import { selectorMatch } from "../../libs/shared/cache/selector.ts";
import { sleepUntil, systemClock } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { controlRecord, type InvalidateEvent } from "../../libs/shared/events/control.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { type CliContext, openContext, registerSchemas } from "../context.ts";
import { createBar } from "../output/bar.ts";
import { EXIT, EXIT_HELP, listenForStop, print, say } from "../output/terminal.ts";
import { parseDuration } from "../requests/options.ts";
import { withCache } from "./follow.ts";
import { planLines, planOf } from "./purge-plan.ts";
import { type SelectionFlags, selectorOf } from "./selection.ts";

const WAIT_MS = 30_000;
const LOOK_MS = 100;

const EXAMPLES = `
Without --yes nothing changes: it says what would go. All that is given must hold. What is made later stays: a purge means the
entries that are there when it is confirmed. Routers stop answering from them as soon as they read of it, and one of them takes
them away from llm.cache and Redis; the command waits for that.

Examples:
  sluice cache purge --tenant demo --pattern '(?i)opening hours'
  sluice cache purge --id 3f9a1c02be77 --yes --why "out of date"
  sluice cache purge --older-than 7d --namespace faq --yes --json
  sluice cache purge --all --yes --no-wait

Exit code 1 also says that some were still there when the wait ended.
${EXIT_HELP}`;

type Flags = SelectionFlags & {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly why?: string;
  /** False of --no-wait. */
  readonly wait: number | false;
  readonly json?: boolean;
};

const SELECTORS = ["id", "tenant", "namespace", "pattern", "olderThan"] as const;

export const purgeCommand = new Command("purge")
  .description("take entries out of the cache, after a dry run")
  .option("--id <entry_id>", "this entry: the id, or as much of it as tells it from the others")
  .option("--tenant <name>", "this tenant's")
  .option("--namespace <name>", "those with this metadata.cache_namespace")
  .option("--pattern <regex>", "those whose question holds this (RE2)")
  .option("--older-than <duration>", "those made longer ago, such as 7d", parseDuration)
  .addOption(new Option("--all", "every entry of every tenant").conflicts([...SELECTORS]))
  .option("--yes", "do it")
  .option("--why <text>", "the reason, kept with the event on llm.control")
  .addOption(
    new Option("--wait <duration>", "wait so long until they are gone")
      .argParser(parseDuration)
      .default(WAIT_MS, "30s"),
  )
  .option("--no-wait", "do not wait")
  .option("--json", "one JSON object: selector, done, matched, bytes, tenants, samples; when done: gone")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    if (flags.all !== true && SELECTORS.every((name) => flags[name] === undefined)) {
      throw new SluiceError("usage", "nothing says which entries are to go", {
        fix: "Give --id, --tenant, --namespace, --pattern or --older-than; --all takes away everything.",
      });
    }
    // A bad pattern is told of before anything is asked.
    selectorOf(flags, 0);
    const context = await openContext(process.env);
    await registerSchemas(context);
    await withCache(context, { bar: flags.json !== true }, (view) => purge(context, view, flags));
  });

async function purge(context: CliContext, view: CacheView, flags: Flags): Promise<void> {
  const at_ms = systemClock.now_ms();
  const entries = view.entries();
  // Of an id that is not there, nothing matches: a purge may be repeated.
  const id = flags.id === undefined ? {} : { id: entryIdFrom(entries, flags.id) ?? flags.id };
  const selector = selectorOf({ ...flags, ...id }, at_ms);
  const plan = planOf(entries.filter(selectorMatch(selector, at_ms)));
  const done = flags.yes === true && plan.matched > 0;
  if (!flags.json) await print(`${planLines(plan).join("\n")}\n`);
  if (!done) {
    if (flags.json) await printJson(plan, { selector, done });
    else if (plan.matched > 0) say("nothing has changed; --yes takes them away");
    return;
  }
  const why = flags.why === undefined ? {} : { why: flags.why };
  await publish(context, { kind: "invalidate", selector, at_ms, by: "sluice cache purge", ...why });
  const gone = flags.wait === false ? goneOf(plan.entries, view) : await waitUntilGone(view, plan, flags.wait, flags);
  if (flags.json) await printJson(plan, { selector, done, gone });
  else if (flags.wait === false) say("the routers have been told");
  else await print(`${gone} of ${plan.matched} entries are gone\n`);
  if (flags.wait === false || gone === plan.matched) return;
  say("the routers have been told; the others go when a router runs: `npx sluice cache ls` shows what is left");
  process.exitCode = EXIT.some_failed;
}

function printJson({ entries: _, ...plan }: Plan, said: object): Promise<void> {
  return print(`${JSON.stringify({ ...said, ...plan })}\n`);
}

/** @returns how many are gone. Ctrl-C ends the wait: the event has been written. */
async function waitUntilGone(view: CacheView, plan: Plan, wait_ms: number, { json }: Flags): Promise<number> {
  const until_ms = systemClock.now_ms() + wait_ms;
  const bar = createBar("purging", plan.matched, json !== true);
  const stop = listenForStop();
  try {
    let gone = goneOf(plan.entries, view);
    while (gone < plan.matched && systemClock.now_ms() < until_ms && !stop.signal.aborted) {
      await sleepUntil(systemClock, LOOK_MS, [stop.signal]);
      gone = goneOf(plan.entries, view);
      bar.update(gone, plan.matched, "");
    }
    return gone;
  } finally {
    bar.stop();
    stop.dispose();
  }
}

async function publish({ kafka, codec, names, settings }: CliContext, event: InvalidateEvent): Promise<void> {
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  try {
    await producer.publish([controlRecord(codec, names.control, event)]);
  } finally {
    await producer.close();
  }
}
