/** What tests of budgets share: the counters and the ledger of a pipeline, read and compared as a stranger would, and the command line. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { LedgerFold } from "../../libs/shared/budgets/ledger-fold.ts";
import { type CounterRef, type CounterScope, counterName } from "../../libs/shared/budgets/scopes.ts";
import { readEnvironment } from "../../libs/shared/config/environment.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { RedisAdmissionStore } from "../../libs/shared/redis/admission/redis-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { jsonOf, TopicLog } from "./pipeline/topic-log.ts";
import { type Pipeline, ROOT } from "./pipeline.ts";
import { until } from "./until.ts";

const HOUR_MS = 3_600_000;
const CLI_WAIT_MS = 180_000;

export type Caps = Readonly<Partial<Record<CounterScope, number>>>;
export type Sums = { readonly counter: CounterRef; readonly reserved_nusd: number; readonly settled_nusd: number };

/** The pipeline's own counters in Redis. */
export async function openCounters({ env, settings }: Pipeline) {
  const { redis: address } = readEnvironment(env);
  // Tests use more commands than stores do.
  const redis = connectRedis(address, "budget-test", silentLog, settings.redis.key_prefix) as Redis;
  await redisReady(redis, 10_000);
  const store = new RedisAdmissionStore(redis, {
    seen_ttl_ms: settings.ingest.seen_ttl_hours * HOUR_MS,
    session_ttl_ms: settings.admission.session_ttl_hours * HOUR_MS,
    idempotency_ttl_ms: settings.admission.idempotency_ttl_hours * HOUR_MS,
    alert_at: settings.admission.alert_at,
  });
  return { redis, store, close: () => redis.disconnect() };
}
export type OpenCounters = Awaited<ReturnType<typeof openCounters>>;

/** All entries of the ledger so far, in the order of their partitions. */
export async function readEntries({ kafka, names }: Pipeline): Promise<readonly UsageEntry[]> {
  return (await TopicLog.readAll(kafka, names.usage)).map((record) => jsonOf(record) as UsageEntry);
}

/** Folds the entries of one tenant. @param each is given, entry by entry, the sums that it has moved: a look at all of them each time. */
export function foldEntries(entries: readonly UsageEntry[], each?: (moved: readonly Sums[]) => void): Sums[] {
  const fold = new LedgerFold();
  for (const [offset, entry] of entries.entries()) {
    fold.add(0, offset, entry);
    if (each === undefined) continue;
    const moved = new Set(entry.counters.map(counterName));
    each(fold.snapshot(entry.at_ms).counters.filter(({ counter }) => moved.has(counterName(counter))));
  }
  const last = entries.at(-1);
  return last === undefined ? [] : [...fold.snapshot(last.at_ms).counters];
}

/** I4: reserved plus settled within the cap. */
export function assertWithin(sums: readonly Sums[], caps: Caps, where: string): void {
  for (const { counter, reserved_nusd, settled_nusd } of sums) {
    const cap = caps[counter.scope];
    if (cap === undefined) continue;
    const used = reserved_nusd + settled_nusd;
    assert.ok(used <= cap, `${where}: ${counterName(counter)} is ${used} of ${cap}`);
    assert.ok(reserved_nusd >= 0 && settled_nusd >= 0, `${where}: ${counterName(counter)} is below nought`);
  }
}

/** Counters by name, in an order of their own, for comparing. */
export function byName(sums: readonly Sums[]): Record<string, readonly [reserved: number, settled: number]> {
  const rows = sums.map(({ counter, reserved_nusd, settled_nusd }) => {
    return [counterName(counter), [reserved_nusd, settled_nusd]] as const;
  });
  return Object.fromEntries(rows.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/**
 * Waits until the ledger holds nothing open and the counters have all of it, and checks that they equal its fold.
 * @returns the fold.
 */
export async function countersEqualLedger(
  pipeline: Pipeline,
  { store }: Pick<OpenCounters, "store">,
  tenant: string,
): Promise<Sums[]> {
  let folded: Sums[] = [];
  await until("every hold is closed", async () => {
    folded = foldEntries((await readEntries(pipeline)).filter((entry) => entry.tenant === tenant));
    return folded.every(({ reserved_nusd }) => reserved_nusd === 0);
  });
  const counters = folded.map(({ counter }) => counter);
  let sums: Sums[] = [];
  await until("the counters have the whole ledger", async () => {
    sums = await store.read(tenant, counters);
    return JSON.stringify(byName(sums)) === JSON.stringify(byName(folded));
  }).catch(() => undefined);
  assert.deepEqual(byName(sums), byName(folded), "counters in Redis, and the ledger");
  return folded;
}

export type CliRun = { readonly code: number; readonly out: string; readonly err: string };

/** The command line, on the pipeline. */
export function sluice({ env }: Pipeline, ...args: readonly string[]): Promise<CliRun> {
  return new Promise((resolve) => {
    const options = { env: { ...env, SLUICE_LOG_LEVEL: "error" }, cwd: ROOT, timeout: CLI_WAIT_MS };
    const child = execFile(process.execPath, [join(ROOT, "cli/sluice.ts"), ...args], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
    child.stdin?.end();
  });
}
