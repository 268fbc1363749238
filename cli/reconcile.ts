/** `sluice reconcile`: compares the ledger with a provider's invoice or a corrected price table, and writes what makes up for it. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { parse } from "yaml";
import { readLedger } from "../libs/shared/budgets/ledger-reader.ts";
import { systemClock } from "../libs/shared/clock.ts";
import { type Settings, settingsSchema } from "../libs/shared/config/schema.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import type { UsageEntry } from "../libs/shared/events/usage.ts";
import { usageEntryOut } from "../libs/shared/events/usage-records.ts";
import { BatchingProducer } from "../libs/shared/kafka/producer.ts";
import { cost_nusd, usdOf } from "../libs/shared/money.ts";
import { priceList } from "../libs/shared/prices.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { formatNusd } from "./output/format.ts";
import { EXIT, EXIT_HELP, print, say } from "./output/terminal.ts";
import { adjustmentsOf, type Basis } from "./reconcile/adjustments.ts";
import { type Comparison, compareInvoice, comparePrices, difference_nusd } from "./reconcile/compare.ts";
import { isDay, parseInvoice } from "./reconcile/invoice.ts";
import { LedgerDays } from "./reconcile/ledger-days.ts";
import { comparisonTable, unchargeable } from "./reconcile/table.ts";

const EXAMPLES = `
The invoice's first line names its columns, in any order; others are passed over:
  date               UTC day, as 2026-11-21
  model              as in sluice.yaml
  requests           may be left out
  prompt_tokens, completion_tokens
  cost_usd           US dollars; a credit is negative
A price table is as prices in sluice.yaml: a version, and models with their prices.

--write adds an "adjusted" entry to the ledger for each tenant: of an invoice, in proportion to what its calls settled of that
model that day; of a price table, what its own calls cost anew. A second run finds nothing to write. Run one at a time.

Examples:
  sluice reconcile --invoice openai-2026-11.csv
  sluice reconcile --invoice openai-2026-11.csv --write
  sluice reconcile --prices prices-2026-11b.yaml --from 2026-11-10 --write --yes --json

Exit code 1 also says that differences are left.
${EXIT_HELP}`;

type Flags = {
  readonly invoice?: string;
  readonly prices?: string;
  readonly from?: string;
  readonly to?: string;
  readonly write?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
};

export const reconcileCommand = new Command("reconcile")
  .description("compare the ledger with a provider's invoice or a corrected price table")
  .addOption(new Option("--invoice <file>", "CSV by day and model").conflicts(["prices", "from", "to"]))
  .option("--prices <file>", "YAML with the prices as they ought to have been")
  .option("--from <day>", "with --prices: the first day", parseDay)
  .option("--to <day>", "with --prices: the last day", parseDay)
  .option("--write", "write the adjustments to the ledger, once they are confirmed")
  .option("--yes", "write without asking")
  .option("--json", "one JSON object: comparisons, adjustments, written")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const compare = await comparerOf(flags);
    const context = await openContext(process.env);
    await registerSchemas(context);
    const { comparisons, basis } = await compare(context);
    const adjustments = adjustmentsOf(comparisons, basis, systemClock.now_ms());
    if (!flags.json) await show(comparisons, adjustments);
    const written = flags.write === true && adjustments.length > 0 && (await confirmed(adjustments, flags));
    if (written) await publish(context, adjustments);
    if (flags.json) await print(`${JSON.stringify(asJson(comparisons, adjustments, written))}\n`);
    else if (written) say(`wrote ${adjustments.length} adjustments; ingest brings them into the counters`);
    const left = unchargeable(comparisons).length > 0 || (adjustments.length > 0 && !written);
    if (left) process.exitCode = EXIT.some_failed;
  });

type Compared = { readonly comparisons: readonly Comparison[]; readonly basis: Basis };

/** Reads and checks the file first: what is wrong with it needs no running Sluice to be told. */
async function comparerOf({ invoice, prices, from, to }: Flags): Promise<(context: CliContext) => Promise<Compared>> {
  if (invoice !== undefined) {
    const lines = parseInvoice(await readText(invoice), invoice);
    return async (context) => {
      const comparisons = compareInvoice(lines, await ledgerDays(context, new LedgerDays()));
      return { comparisons, basis: { by: `invoice ${basename(invoice)}` } };
    };
  }
  if (prices === undefined) throw new SluiceError("usage", "either --invoice or --prices is needed");
  const table = parsePrices(await readText(prices), prices);
  const list = priceList(table, "refuse");
  return async (context) => {
    const days = new LedgerDays((model, billed) =>
      Object.hasOwn(table.models, model) ? cost_nusd(billed, list.priceOf(model, billed.batched ?? false)) : undefined,
    );
    const comparisons = comparePrices(await ledgerDays(context, days), from, to);
    return { comparisons, basis: { by: `prices ${table.version}`, price_version: table.version } };
  };
}

async function ledgerDays({ kafka, codec, names, log }: CliContext, days: LedgerDays): Promise<LedgerDays> {
  const source = { kafka, codec, topic: names.usage, log, clock: systemClock };
  await readLedger(source, (_partition, _offset, entry) => days.add(entry));
  return days;
}

async function show(comparisons: readonly Comparison[], adjustments: readonly UsageEntry[]): Promise<void> {
  await print(comparisons.length === 0 ? "nothing to compare\n" : `${comparisonTable(comparisons)}\n`);
  for (const { date, model, other } of unchargeable(comparisons)) {
    say(`${date} ${model}: nobody settled any of it, so nobody can be charged ${formatNusd(other?.cost_nusd ?? 0)}`);
  }
  for (const { tenant, settled_nusd, note } of adjustments) say(`${tenant} ${formatNusd(settled_nusd)}: ${note}`);
}

async function confirmed(adjustments: readonly UsageEntry[], { yes }: Flags): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY) {
    throw new SluiceError("usage", "nobody is there to confirm the adjustments", {
      fix: "Add --yes to write them unasked.",
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(
      (await lines.question(`Write ${adjustments.length} adjustments to the ledger? [y/N] `)).trim(),
    );
  } finally {
    lines.close();
  }
}

async function publish({ kafka, codec, names, settings }: CliContext, entries: readonly UsageEntry[]): Promise<void> {
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  try {
    await producer.publish(entries.map((entry) => usageEntryOut(codec, names.usage, entry)));
  } finally {
    await producer.close();
  }
}

function asJson(comparisons: readonly Comparison[], adjustments: readonly UsageEntry[], written: boolean) {
  const money = <T extends { readonly cost_nusd: number }>({ cost_nusd: cost, ...rest }: T) => {
    return { ...rest, cost_usd: usdOf(cost) };
  };
  return {
    comparisons: comparisons.map((one) => ({
      date: one.date,
      model: one.model,
      ledger: money(one.ledger),
      other: one.other === null ? null : money(one.other),
      difference_usd: usdOf(difference_nusd(one)),
    })),
    adjustments: adjustments.map(({ id, tenant, model, settled_nusd, note }) => {
      return { id, tenant, model, usd: usdOf(settled_nusd), note };
    }),
    written: written ? adjustments.length : 0,
  };
}

function parsePrices(text: string, file: string): Settings["prices"] {
  const bad = (why: string) =>
    new SluiceError("settings_invalid", `${file}: ${why}`, { fix: "See prices in sluice.yaml." });
  let read: unknown;
  try {
    read = parse(text);
  } catch (error) {
    throw bad((error as Error).message);
  }
  const inner = typeof read === "object" && read !== null && "prices" in read ? read.prices : read;
  const parsed = settingsSchema.shape.prices.safeParse(inner);
  if (parsed.success) return parsed.data;
  throw bad(parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new SluiceError("usage", `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function parseDay(value: string): string {
  if (!isDay(value)) throw new InvalidArgumentError("Expected a UTC day such as 2026-11-21.");
  return value;
}
