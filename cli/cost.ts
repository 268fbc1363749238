/** `sluice cost`: what was spent, by tenant, tier and model, and what may have been paid twice. */
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../libs/shared/clock.ts";
import { usdOf } from "../libs/shared/money.ts";
import { connectPostgres } from "../libs/shared/postgres/client.ts";
import { connectRedis, redisReady } from "../libs/shared/redis/client.ts";
import { readLedgerTotals } from "../libs/shared/redis/ledger-totals.ts";
import { type CliContext, openContext } from "./context.ts";
import { readSpend, type Spend } from "./cost/spend.ts";
import { formatTable, formatUsd, parseDurationMs } from "./output/format.ts";
import { EXIT_HELP, print } from "./output/terminal.ts";

const EXAMPLES = `
Examples:
  sluice cost
  sluice cost --tenant demo --since 24h
  sluice cost --json
${EXIT_HELP}`;

type Flags = { readonly tenant?: string; readonly since?: number; readonly json?: boolean };

/** Calls whose answers were lost with a worker or a connection, and what they may have cost beside the call that was answered. */
type Unknown = { readonly tenant: string; readonly calls: number; readonly duplicate_usd: number };

export const costCommand = new Command("cost")
  .description("show what was spent, by tenant, tier and model")
  .option("--tenant <name>", "only this tenant's")
  .option("--since <age>", "only what was completed within, such as 30m, 24h or 7d", parseAge)
  .option("--json", "one JSON object: spend, unknown")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const context = await openContext(process.env);
    const spend = await spendOf(context, flags);
    const unknown = await unknownOf(context, flags);
    await print(flags.json ? `${JSON.stringify({ spend, unknown })}\n` : text(spend, unknown));
  });

async function spendOf({ environment, log }: CliContext, { tenant, since }: Flags): Promise<Spend[]> {
  const pool = connectPostgres(environment.database_url, "cli", 1, log);
  try {
    return await readSpend(pool, { tenant, since_ms: since === undefined ? 0 : systemClock.now_ms() - since });
  } finally {
    await pool.end();
  }
}

async function unknownOf({ environment, settings, log }: CliContext, { tenant }: Flags): Promise<Unknown[]> {
  const redis = connectRedis(environment.redis_url, "cli", log, settings.redis.key_prefix);
  try {
    await redisReady(redis, 5_000);
    const tenants = Object.keys(settings.tenants).filter((name) => tenant === undefined || name === tenant);
    const totals = await Promise.all(tenants.map(async (name) => ({ name, ...(await readLedgerTotals(redis, name)) })));
    return totals.map(({ name, unknown_calls, duplicate_nusd }) => ({
      tenant: name,
      calls: unknown_calls,
      duplicate_usd: usdOf(duplicate_nusd),
    }));
  } finally {
    redis.disconnect();
  }
}

function text(spend: readonly Spend[], unknown: readonly Unknown[]): string {
  const lost = lostText(unknown);
  if (spend.length === 0) return `nothing was spent yet; ${lost}\n\n\`sluice send\` sends a request\n`;
  const rows = spend.map((one) => [
    one.tenant,
    one.tier,
    one.model,
    String(one.requests),
    String(one.prompt_tokens),
    String(one.completion_tokens),
    formatUsd(one.cost_usd),
  ]);
  const head = ["tenant", "tier", "model", "requests", "tokens in", "tokens out", "cost"];
  const total = spend.reduce((sum, { cost_usd }) => sum + cost_usd, 0);
  return `${formatTable(head, rows, [3, 4, 5, 6])}\n\ntotal ${formatUsd(total)}; ${lost}\n`;
}

function lostText(unknown: readonly Unknown[]): string {
  const calls = unknown.reduce((sum, one) => sum + one.calls, 0);
  if (calls === 0) return "no call's answer was lost: nothing was paid twice";
  const duplicate = unknown.reduce((sum, { duplicate_usd }) => sum + duplicate_usd, 0);
  return `${calls} calls' answers were lost with a worker or a connection, ever: up to ${formatUsd(duplicate)} more`;
}

function parseAge(value: string): number {
  const age_ms = parseDurationMs(value);
  if (age_ms === undefined || age_ms <= 0) throw new InvalidArgumentError("Expected an age such as 30m, 24h or 7d.");
  return age_ms;
}
