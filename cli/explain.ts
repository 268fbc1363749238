/** `sluice explain`: the whole way of a request, as a timeline. */
import { Command } from "commander";
import type { TenantBook } from "../libs/shared/budgets/tenant-book.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import { ID_PATTERN, TENANT_PATTERN } from "../libs/shared/events/fields.ts";
import type { Explanation } from "../libs/shared/explain/explanation.ts";
import { openExplainer } from "../libs/shared/explain/open.ts";
import { tenantsWith } from "../libs/shared/explain/rows.ts";
import { connectPostgres, type Pool } from "../libs/shared/postgres/client.ts";
import { connectRedis, redisReady } from "../libs/shared/redis/client.ts";
import { RedisJobViews } from "../libs/shared/redis/job-views.ts";
import { type CliContext, openContext } from "./context.ts";
import { explanationText } from "./explain/view.ts";
import { EXIT_HELP, print, say } from "./output/terminal.ts";
import { readTenants } from "./tenants/store.ts";

const READY_MS = 5_000;

const EXAMPLES = `
Tells where a request went (topic, partition and offset of every hop), what it waited for, what was decided and why, its calls, its cost and
who was told. Of one that has not ended: where it stands. Nothing of the question or of the answer is shown.
An id is unique within its tenant: without --tenant all tenants are looked at.

Examples:
  sluice explain req_0f3c
  sluice explain req_0f3c --tenant demo --json | jq '.steps[] | {service, what, topic, partition, offset}'
${EXIT_HELP}`;

type Flags = { readonly tenant?: string; readonly json?: boolean };

type Opened = {
  readonly context: CliContext;
  readonly book: TenantBook;
  readonly pool: Pool;
  readonly redis: ReturnType<typeof connectRedis>;
};

export const explainCommand = new Command("explain")
  .description("tell the whole way of a request: hops, waits, decisions, calls, money")
  .argument("<id>", "the request's id")
  .option("--tenant <name>", "whose request it is")
  .option("--json", "one JSON object, as GET /v1/requests/<id>/explain gives it")
  .addHelpText("after", EXAMPLES)
  .action(async (id: string, { tenant, json }: Flags) => {
    if (!ID_PATTERN.test(id)) throw new SluiceError("usage", `"${id}" cannot be the id of a request`);
    if (tenant !== undefined && !TENANT_PATTERN.test(tenant)) {
      throw new SluiceError("usage", `"${tenant}" cannot be the name of a tenant`);
    }
    const explanation = await opened(async (parts) => explained(parts, id, tenant ?? (await onlyTenant(parts, id))));
    const width = process.stdout.columns ?? 120;
    await print(json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation, width));
  });

async function opened<T>(work: (parts: Opened) => Promise<T>): Promise<T> {
  const context = await openContext(process.env);
  const { environment, settings, log } = context;
  const pool = connectPostgres(environment.database_url, "cli", 2, log);
  const redis = connectRedis(environment.redis, "cli", log, settings.redis.key_prefix);
  try {
    const [book] = await Promise.all([
      readTenants(context),
      redisReady(redis, READY_MS).catch(() => say("Redis is away: what it knows of the request is left out")),
    ]);
    return await work({ context, book, pool, redis });
  } finally {
    redis.disconnect();
    await pool.end();
  }
}

async function explained({ context, book, pool, redis }: Opened, id: string, tenant: string): Promise<Explanation> {
  const explainer = openExplainer({ ...context, pool, redis, tenant: (name) => book.record(name) });
  try {
    const explanation = await explainer.explain(tenant, id);
    if (explanation !== undefined) return explanation;
    throw unknown(`tenant ${tenant} has no request "${id}"`);
  } finally {
    await explainer.close();
  }
}

/** @throws `usage` where no tenant has the id, or several have. */
async function onlyTenant({ context: { settings }, book, pool, redis }: Opened, id: string): Promise<string> {
  const names = [...new Set([...Object.keys(settings.tenants), ...book.records().map(({ tenant }) => tenant)])];
  const views = new RedisJobViews(redis, 0);
  const [ended, open] = await Promise.all([
    tenantsWith(pool, names, id),
    Promise.all(names.map(async (name) => ((await views.read(name, id).catch(() => undefined)) ? [name] : []))),
  ]);
  const [tenant, ...others] = [...new Set([...ended, ...open.flat()])].toSorted();
  if (tenant === undefined) throw unknown(`no tenant has a request "${id}"`);
  if (others.length === 0) return tenant;
  throw new SluiceError("usage", `several tenants have a request "${id}": ${[tenant, ...others].join(", ")}`, {
    fix: "Name one with --tenant.",
  });
}

function unknown(message: string): SluiceError {
  return new SluiceError("usage", message, {
    fix: "`npx sluice tail results --tenant` lists results with their ids; one under way is known by Redis alone, and a record that nobody could read is on the dead-letter topic.",
  });
}
