/** `sluice rebuild`: restores from the topics what Redis lost, or says whether it is as the topics say. */
import { Command } from "commander";
import type { Snapshot } from "../libs/shared/budgets/admission-store.ts";
import { LedgerFold } from "../libs/shared/budgets/ledger-fold.ts";
import { ledgerEnds, ledgerIsEmpty, readLedger } from "../libs/shared/budgets/ledger-reader.ts";
import { type RebuildProgress, rebuildCounters } from "../libs/shared/budgets/rebuild.ts";
import { type CounterSums, storeOptions } from "../libs/shared/budgets/store-options.ts";
import { sleep, systemClock } from "../libs/shared/clock.ts";
import { withCounters } from "./budget/counters.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { type Bar, createBar } from "./output/bar.ts";
import { EXIT, EXIT_HELP, listenForStop, print, say } from "./output/terminal.ts";
import { type CounterDifference, differencesOf, differencesTable } from "./rebuild/differences.ts";

/** What is under way is in the counters before it is in the ledger, or the other way round, for a moment. */
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 2_000;
const READ_AT_ONCE = 500;

const EXAMPLES = `
Nothing is admitted while budgets are rebuilt: paid work waits in its topic. --check changes nothing; it looks ${LOOKS} times before it
calls a difference one, since under load counters and ledger are apart for moments.

Examples:
  sluice rebuild budgets
  sluice rebuild budgets --check
  sluice rebuild budgets --check --json | jq '.differences[]'
${EXIT_HELP}`;

type Flags = { readonly check?: boolean; readonly json?: boolean };

const budgets = new Command("budgets")
  .description("restore the counters of budgets, open reservations and rates from the ledger, llm.usage")
  .option("--check", "only compare the counters with the ledger; exit code 1 where they differ")
  .option(
    "--json",
    "one JSON object: rebuilt, epoch, entries, holds, counters; of --check: entries, counters, differences",
  )
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const context = await openContext(process.env);
    await registerSchemas(context);
    const ends = await ledgerEnds(context.kafka, context.names.usage);
    const total = [...ends.values()].reduce((sum, end) => sum + end, 0);
    const bar = createBar("reading the ledger", total, flags.json !== true);
    try {
      if (flags.check) await check(context, bar, flags);
      else await rebuild(context, bar, total, flags);
    } finally {
      bar.stop();
    }
  });

export const rebuildCommand = new Command("rebuild")
  .description("restore from the topics what Redis lost")
  .addHelpText("after", EXAMPLES)
  .addCommand(budgets);

async function rebuild(context: CliContext, bar: Bar, total: number, { json }: Flags): Promise<void> {
  const { kafka, names, settings } = context;
  const stop = listenForStop();
  const rebuilt = await withCounters(context, ({ life }) =>
    rebuildCounters({
      life,
      readLedger: (add) => readLedger(sourceOf(context), add),
      isEmpty: () => ledgerIsEmpty(kafka, names.usage),
      lease_ms: settings.admission.lease_ms,
      keep: storeOptions(settings),
      clock: systemClock,
      progress: (progress) => showProgress(bar, total, progress),
      signal: stop.signal,
    }),
  );
  stop.dispose();
  bar.stop();
  if (rebuilt.kind === "busy") {
    process.exitCode = EXIT.some_failed;
    if (json) await print(`${JSON.stringify({ rebuilt: false, busy: true })}\n`);
    else say("ingest or another rebuild is restoring the counters right now; nothing was done");
    return;
  }
  const { epoch, entries, holds, counters } = rebuilt;
  if (json) await print(`${JSON.stringify({ rebuilt: true, epoch, entries, holds, counters })}\n`);
  else await print(`restored ${counters} counters and ${holds} open reservations from ${entries} entries\n`);
}

function showProgress(bar: Bar, total: number, progress: RebuildProgress): void {
  if (progress.phase === "waiting") {
    bar.beside(() =>
      say(`waiting ${Math.ceil(progress.wait_ms / 1_000)} s, until all that was reserved is in the ledger`),
    );
  } else if (progress.phase === "reading") bar.update(progress.entries, total, "");
  else bar.update(total, total, `writing ${progress.counters} counters`);
}

async function check(context: CliContext, bar: Bar, { json }: Flags): Promise<void> {
  let found = await compare(context, bar);
  for (let look = 1; look < LOOKS && found.differences.length > 0; look++) {
    await sleep(systemClock, BETWEEN_LOOKS_MS);
    found = await compare(context, bar);
  }
  bar.stop();
  const { entries, counters, differences } = found;
  if (differences.length > 0) process.exitCode = EXIT.some_failed;
  if (json) await print(`${JSON.stringify({ entries, counters, differences })}\n`);
  else if (differences.length > 0) await print(`${differencesTable(differences)}\n`);
  const differ = differences.length === 0 ? "all equal the ledger" : `${differences.length} differ from the ledger`;
  if (!json) say(`${counters} counters, ${entries} entries: ${differ}`);
}

type Comparison = {
  readonly entries: number;
  readonly counters: number;
  readonly differences: readonly CounterDifference[];
};

async function compare(context: CliContext, bar: Bar): Promise<Comparison> {
  const fold = new LedgerFold(storeOptions(context.settings));
  let entries = 0;
  await readLedger(sourceOf(context), (partition, offset, entry, at_ms) => {
    if (!fold.add(partition, offset, entry, at_ms)) return;
    entries += 1;
    if (entries % READ_AT_ONCE === 0) bar.update(entries, entries, "");
  });
  const { counters } = fold.snapshot(systemClock.now_ms());
  const sums = await readSums(context, counters);
  return { entries, counters: counters.length, differences: differencesOf(counters, sums) };
}

/** In the order of the counters, some hundreds at a time. */
async function readSums(context: CliContext, counters: Snapshot["counters"]): Promise<CounterSums[]> {
  return withCounters(context, async ({ store }) => {
    const sums: CounterSums[] = [];
    let begin = 0;
    while (begin < counters.length) {
      const tenant = counters[begin]?.tenant ?? "";
      let end = begin;
      while (end < counters.length && end - begin < READ_AT_ONCE && counters[end]?.tenant === tenant) end += 1;
      const refs = counters.slice(begin, end).map(({ counter }) => counter);
      sums.push(...(await store.read(tenant, refs)));
      begin = end;
    }
    return sums;
  });
}

function sourceOf({ kafka, codec, names, log }: CliContext) {
  return { kafka, codec, topic: names.usage, log, clock: systemClock };
}
