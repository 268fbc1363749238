/** `sluice cost`: what was spent and may have been paid twice; and what a traffic will cost and need. */
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../libs/shared/clock.ts";
import type { Gpu } from "../libs/shared/cost/capacity.ts";
import { forecast } from "../libs/shared/cost/forecast.ts";
import { usdOf } from "../libs/shared/money.ts";
import { connectPostgres, type Pool } from "../libs/shared/postgres/client.ts";
import { connectRedis, redisReady } from "../libs/shared/redis/client.ts";
import { readLedgerTotals } from "../libs/shared/redis/ledger-totals.ts";
import { type CliContext, openContext } from "./context.ts";
import { type CapacityFlags, capacityReport } from "./cost/capacity.ts";
import { capacityText } from "./cost/capacity-view.ts";
import { type Live, readLive } from "./cost/live.ts";
import { readSpend, type Spend } from "./cost/spend.ts";
import { type TrafficFlags, trafficOf } from "./cost/traffic.ts";
import { forecastText } from "./cost/view.ts";
import { formatTable, formatUsd, parseDurationMs } from "./output/format.ts";
import { EXIT_HELP, print } from "./output/terminal.ts";
import { readSettings } from "./tiers/settings.ts";

const EXAMPLES = `
Examples:
  sluice cost
  sluice cost --tenant demo --since 24h
  sluice cost --json
  sluice cost --requests-per-day 1000000 --tokens-in 800 --tokens-out 250 --hit-rate 0.2 --mix small=0.8,large=0.2
  sluice cost --from-live --since 7d
  sluice cost --from-live --hit-rate 0.3 --json
  sluice cost --capacity --requests-per-day 5000000 --peak-factor 4
  sluice cost --capacity --from-live --gpu small=20000/2500,large=6000/700 --largest-tenant 0.5
  sluice cost --capacity --requests-per-day 86400000000 --peak-factor 1 --cells 100

A forecast takes prices and tiers from the settings file. What is not given has a default, or with --from-live what was seen.
${EXIT_HELP}`;

type Flags = TrafficFlags &
  CapacityFlags & {
    readonly capacity?: boolean;
    readonly tenant?: string;
    readonly since?: number;
    readonly fromLive?: boolean;
    readonly json?: boolean;
  };

const LIVE_MS = 24 * 3_600_000;

/** Calls whose answers were lost with a worker or a connection, and what they may have cost beside the call that was answered. */
type Unknown = { readonly tenant: string; readonly calls: number; readonly duplicate_usd: number };

export const costCommand = new Command("cost")
  .description("show what was spent, by tenant, tier and model; or what a traffic will cost and need")
  .option("--tenant <name>", "only this tenant's")
  .option("--since <age>", "only what was completed within, such as 30m, 24h or 7d", parseAge)
  .option("--requests-per-day <n>", "forecast: so many requests", amount)
  .option("--from-live", "forecast: begin with what was seen in the last 24 hours, or --since")
  .option("--tokens-in <n>", "forecast: of one request (default 500)", amount)
  .option("--tokens-out <n>", "forecast: of one answer (default 200)", amount)
  .option("--hit-rate <part>", "forecast: what the cache answers, from 0 to 1 (default 0)", part)
  .option("--mix <tier=share,…>", "forecast: of what is called (default: all to the default tier)", shares)
  .option("--escalated <part>", "forecast: of weaker tiers' answers, from 0 to 1 (default 0)", part)
  .option("--peak-factor <n>", "forecast: the busiest minute over the mean (default 3)", amount)
  .option("--service-ms <n>", "forecast: how long a call takes (default 2000)", amount)
  .option(
    "--capacity",
    "what it needs to run, now and at ten times the load: processes, partitions, Kafka, Redis, Postgres, GPUs",
  )
  .option(
    "--gpu <tier=in/out,…>",
    "capacity: tokens a second that one GPU reads and writes, of tiers on GPUs of your own",
    gpus,
  )
  .option("--largest-tenant <part>", "capacity: of the requests, the largest tenant's, from 0 to 1 (default 0.2)", part)
  .option("--cells <n>", "capacity: clusters that the tenants are divided among (default 1)", wholeAmount)
  .option(
    "--json",
    "one JSON object: spend, unknown; of a forecast: traffic, forecast; of a capacity: traffic, capacity",
  )
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    if (flags.capacity || flags.fromLive || flags.requestsPerDay !== undefined) return print(await forecastOf(flags));
    const context = await openContext(process.env);
    const spend = await spendOf(context, flags);
    const unknown = await unknownOf(context, flags);
    await print(flags.json ? `${JSON.stringify({ spend, unknown })}\n` : text(spend, unknown));
  });

/** Without live figures the settings file is enough. */
async function forecastOf(flags: Flags): Promise<string> {
  const context = flags.fromLive ? await openContext(process.env) : undefined;
  const settings = context?.settings ?? (await readSettings(process.env));
  const traffic = trafficOf(settings, flags, context === undefined ? undefined : await liveOf(context, flags));
  if (flags.capacity) {
    const report = capacityReport(settings, traffic, flags);
    return flags.json ? `${JSON.stringify({ traffic, capacity: report })}\n` : capacityText(traffic, report);
  }
  const made = forecast(traffic);
  return flags.json ? `${JSON.stringify({ traffic, forecast: made })}\n` : forecastText(traffic, made);
}

function spendOf(context: CliContext, { tenant, since }: Flags): Promise<Spend[]> {
  const since_ms = since === undefined ? 0 : systemClock.now_ms() - since;
  return withRows(context, (pool) => readSpend(pool, { tenant, since_ms }));
}

function liveOf(context: CliContext, { tenant, since = LIVE_MS }: Flags): Promise<Live> {
  return withRows(context, (pool) => readLive(pool, { tenant, since_ms: systemClock.now_ms() - since }));
}

async function withRows<T>({ environment, log }: CliContext, read: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = connectPostgres(environment.database_url, "cli", 1, log);
  try {
    return await read(pool);
  } finally {
    await pool.end();
  }
}

async function unknownOf({ environment, settings, log }: CliContext, { tenant }: Flags): Promise<Unknown[]> {
  const redis = connectRedis(environment.redis, "cli", log, settings.redis.key_prefix);
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

function amount(value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError("Expected a number above 0.");
}

function wholeAmount(value: string): number {
  if (Number.isSafeInteger(Number(value))) return amount(value);
  throw new InvalidArgumentError("Expected a whole number from 1.");
}

function part(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}

function shares(value: string): Record<string, number> {
  const pairs = value.split(",").map((pair) => /^([a-z0-9_-]+)=(\d+(?:\.\d+)?)$/.exec(pair.trim()));
  const mix = Object.fromEntries(pairs.flatMap((pair) => (pair === null ? [] : [[pair[1], Number(pair[2])]])));
  const total = Object.values(mix).reduce((sum: number, share) => sum + Number(share), 0);
  if (pairs.every((pair) => pair !== null) && total > 0) return mix;
  throw new InvalidArgumentError("Expected tiers and their shares, such as small=0.8,large=0.2.");
}

function gpus(value: string): Record<string, Gpu> {
  const pairs = value.split(",").map((pair) => /^([a-z0-9_-]+)=(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/.exec(pair.trim()));
  const found = pairs.flatMap((pair): [string, Gpu][] => {
    const [, tier = "", prefill, decode] = pair ?? [];
    const gpu = { prefill_tokens_per_s: Number(prefill), decode_tokens_per_s: Number(decode) };
    return gpu.prefill_tokens_per_s > 0 && gpu.decode_tokens_per_s > 0 ? [[tier, gpu]] : [];
  });
  if (found.length === pairs.length) return Object.fromEntries(found);
  throw new InvalidArgumentError("Expected tiers and tokens a second in and out of one GPU, such as small=20000/2500.");
}
