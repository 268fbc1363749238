/** `sluice budget`: shows, sets and explains what a tenant may spend, and lets a stopped tenant go on. */
import { Command, InvalidArgumentError, Option } from "commander";
import { recordWith, type Standing, standingOf } from "../libs/shared/budgets/caps.ts";
import { readLedger } from "../libs/shared/budgets/ledger-reader.ts";
import { type ScopeView, type Stopped, scopeViews, stoppedView } from "../libs/shared/budgets/scope-views.ts";
import { BUDGET_SCOPES, type BudgetScope, countersOf, type Subjects } from "../libs/shared/budgets/scopes.ts";
import { systemClock } from "../libs/shared/clock.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import { nusd, usdOf } from "../libs/shared/money.ts";
import { withCounters } from "./budget/counters.ts";
import { explanation, Largest } from "./budget/explain.ts";
import { scopesTable, stoppedLine } from "./budget/view.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { formatNusd } from "./output/format.ts";
import { EXIT_HELP, print, say } from "./output/terminal.ts";
import { publishTenant, readTenants } from "./tenants/store.ts";

const DAY_MS = 86_400_000;
const USD_MAX = 9_000_000;

const EXAMPLES = `
Scopes are request, session, user_day, tenant_day and tenant_month; days and months are UTC's. Reserved and settled together
stay within a cap.

Examples:
  sluice budget show demo
  sluice budget show demo --user alice --json
  sluice budget set demo --scope tenant_day --usd 0.5
  sluice budget set demo --scope tenant_day --none
  sluice budget explain demo --session chat-7
  sluice budget resume demo
${EXIT_HELP}`;

type JsonFlag = { readonly json?: boolean };
type SubjectFlags = Subjects & JsonFlag;
type SetFlags = JsonFlag & { readonly scope: BudgetScope; readonly usd?: number; readonly none?: boolean };

const show = new Command("show")
  .description("show the caps and what of each is reserved and settled")
  .argument("<tenant>")
  .option("--session <name>", "of this session")
  .option("--user <name>", "of this user")
  .option("--json", "one JSON object: tenant, plan, scopes, stopped, lost")
  .addHelpText("after", EXAMPLES)
  .action(async (tenant: string, flags: SubjectFlags) => {
    const { standing, views, stopped, lost } = await look(await openRegistered(), tenant, flags);
    if (flags.json) {
      await print(`${JSON.stringify({ tenant, plan: standing.plan, scopes: views, stopped, lost })}\n`);
      return;
    }
    await print(`${scopesTable(views)}\n`);
    tell(tenant, stopped, lost);
  });

const set = new Command("set")
  .description("set a cap, or take it away; every ingest keeps to it within a second")
  .argument("<tenant>")
  .addOption(new Option("--scope <scope>", "the cap").choices(BUDGET_SCOPES).makeOptionMandatory())
  .option("--usd <amount>", "US dollars, to the nano-dollar; 0 lets nothing pass that costs", parseUsd)
  .addOption(new Option("--none", "no cap").conflicts("usd"))
  .option("--json", "one JSON object: tenant, scope, old_usd, new_usd")
  .addHelpText("after", EXAMPLES)
  .action(async (tenant: string, { scope, usd, none, json }: SetFlags) => {
    if (usd === undefined && none !== true) throw new SluiceError("usage", "either --usd or --none is needed");
    const context = await openRegistered();
    const { settings } = context;
    const standing = (await readTenants(context)).record(tenant);
    const record = recordWith(
      settings,
      tenant,
      standing,
      { scope, usd: usd ?? null },
      {
        now_ms: systemClock.now_ms(),
        by: "sluice budget set",
      },
    );
    const old_usd = capOf(standingOf(settings, tenant, standing), scope);
    await publishTenant(context, record);
    const new_usd = capOf(standingOf(settings, tenant, record), scope);
    if (json) await print(`${JSON.stringify({ tenant, scope, old_usd, new_usd })}\n`);
    else await print(`${scope} of ${tenant}: ${capText(old_usd)} → ${capText(new_usd)}\n`);
  });

const explain = new Command("explain")
  .description("say of each cap where it comes from and what uses it")
  .argument("<tenant>")
  .option("--session <name>", "of this session")
  .option("--user <name>", "of this user")
  .option("--json", "one JSON object: tenant, plan, caps, scopes, largest, stopped, lost")
  .addHelpText("after", EXAMPLES)
  .action(async (tenant: string, flags: SubjectFlags) => {
    const context = await openRegistered();
    const { standing, views, stopped, lost } = await look(context, tenant, flags);
    const largest = await largestToday(context, tenant);
    if (!flags.json) {
      await print(`${explanation(standing, views, largest)}\n`);
      tell(tenant, stopped, lost);
      return;
    }
    const entries = largest.map(({ at_ms, id, user, model, cause, settled_nusd }) => {
      return { at: new Date(at_ms).toISOString(), id, user, model, cause, cost_usd: usdOf(settled_nusd) };
    });
    const { plan, caps } = standing;
    await print(`${JSON.stringify({ tenant, plan, caps, scopes: views, largest: entries, stopped, lost })}\n`);
  });

const resume = new Command("resume")
  .description("let a tenant go on that its spend velocity stopped")
  .argument("<tenant>")
  .option("--json", "one JSON object: tenant, resumed")
  .addHelpText("after", EXAMPLES)
  .action(async (tenant: string, flags: JsonFlag) => {
    const context = await openRegistered();
    standingOf(context.settings, tenant, (await readTenants(context)).record(tenant));
    const resumed = await withCounters(context, ({ store }) => store.resume(tenant));
    if (flags.json) await print(`${JSON.stringify({ tenant, resumed })}\n`);
    else await print(resumed ? `${tenant} goes on\n` : `${tenant} was not stopped\n`);
  });

export const budgetCommand = new Command("budget")
  .description("show, set and explain what a tenant may spend")
  .addHelpText("after", EXAMPLES)
  .addCommand(show)
  .addCommand(set)
  .addCommand(explain)
  .addCommand(resume);

type Look = {
  readonly standing: Standing;
  readonly views: readonly ScopeView[];
  readonly stopped: Stopped | null;
  /** True while the counters are gone or being restored: what they show is nothing. */
  readonly lost: boolean;
};

async function openRegistered(): Promise<CliContext> {
  const context = await openContext(process.env);
  await registerSchemas(context);
  return context;
}

async function look(context: CliContext, tenant: string, { session, user }: Subjects): Promise<Look> {
  const standing = standingOf(context.settings, tenant, (await readTenants(context)).record(tenant));
  const now_ms = systemClock.now_ms();
  return withCounters(context, async ({ store, life }) => {
    const [sums, trip, epoch] = await Promise.all([
      store.read(tenant, countersOf({ session, user }, now_ms)),
      store.tripped(tenant),
      life.epoch(),
    ]);
    const views = scopeViews(standing.caps, sums, now_ms);
    return { standing, views, stopped: stoppedView(trip), lost: epoch === undefined };
  });
}

async function largestToday({ kafka, codec, names, log }: CliContext, tenant: string) {
  const largest = new Largest(tenant);
  const now_ms = systemClock.now_ms();
  const source = { kafka, codec, topic: names.usage, log, clock: systemClock };
  const add = (_partition: number, _offset: number, entry: Parameters<Largest["add"]>[0]) => largest.add(entry);
  await readLedger(source, add, { kind: "time", timestamp_ms: now_ms - (now_ms % DAY_MS) });
  return largest.entries;
}

function tell(tenant: string, stopped: Stopped | null, lost: boolean): void {
  if (stopped !== null) say(stoppedLine(tenant, stopped));
  if (lost) say("the counters are lost or being restored; `sluice rebuild budgets` restores them from the ledger");
}

function capOf({ caps }: Standing, scope: BudgetScope): number | null {
  return caps.find((cap) => cap.scope === scope)?.cap_usd ?? null;
}

function capText(cap_usd: number | null): string {
  return cap_usd === null ? "no cap" : formatNusd(nusd(cap_usd));
}

function parseUsd(value: string): number {
  if (!/^\d{1,7}(\.\d{1,9})?$/.test(value) || Number(value) > USD_MAX) {
    throw new InvalidArgumentError(`Expected US dollars such as 0.5, at most ${USD_MAX}, with up to 9 decimals.`);
  }
  return Number(value);
}
