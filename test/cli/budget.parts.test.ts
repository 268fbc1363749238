/** Budgets on real parts, by the command line as a user calls it: caps, a rebuild, a check, an invoice. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Redis } from "ioredis";
import { openContext, ROOT, registerSchemas } from "../../cli/context.ts";
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { usageEntryOut } from "../../libs/shared/events/usage-records.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { counterKey, trippedKey } from "../../libs/shared/redis/admission/keys.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";

type Run = { readonly code: number; readonly out: string; readonly err: string };

const NOW_MS = Date.now();
const TODAY = new Date(NOW_MS).toISOString().slice(0, 10);
const env: Record<string, string | undefined> = { ...process.env };
let dir: string;
let redis: Redis;

function sluice(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const argv = [join(ROOT, "cli/sluice.ts"), ...args];
    const child = execFile(process.execPath, argv, { env, cwd: ROOT, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
    child.stdin?.end();
  });
}

async function json(...args: readonly string[]) {
  const { out, err } = await sluice(...args, "--json");
  return JSON.parse(out || err);
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-budget-"));
  const settings = await readFile(join(ROOT, "sluice.yaml"), "utf8");
  const own = `budget-${process.pid}.`;
  const ours = `\nconsumption: { group_prefix: "${own}" }\nredis: { key_prefix: "${own}" }\nadmission: { lease_ms: 1000 }\n`;
  env["SLUICE_SETTINGS"] = join(dir, "sluice.yaml");
  await writeFile(env["SLUICE_SETTINGS"], settings.replace("prefix: llm.", `prefix: "${own}"`).concat(ours));
  await sluice("topics");
  const context = await openContext(env);
  redis = connectRedis(context.environment.redis.nodes[0] ?? "", "test", context.log, own);
  await redisReady(redis, 5_000);
});
after(() => redis.disconnect());

async function publish(entries: readonly UsageEntry[]): Promise<void> {
  const context = await openContext(env);
  await registerSchemas(context);
  const producer = new BatchingProducer(context.kafka, context.settings.producer);
  await producer.connect();
  await producer.publish(entries.map((entry) => usageEntryOut(context.codec, context.names.usage, entry)));
  await producer.close();
}

function entry(kind: UsageEntry["kind"], id: string, settled_nusd = 0): UsageEntry {
  const counters = countersOf({ session: "s", user: "alice" }, NOW_MS);
  return {
    ...{ kind, tenant: "demo", id, hold_id: `h-${id}`, at_ms: NOW_MS, reserved_nusd: 2_000, settled_nusd, counters },
    ...{ cause: kind === "reserved" ? "admitted" : "result", user: "alice", model: "gpt-4.1-mini" },
    billed: { prompt_tokens: 6, cached_prompt_tokens: 0, completion_tokens: 1 },
    ...{ content_hash: "c", place: "t 0 1", expires_ms: NOW_MS + 3_600_000 },
  };
}

const scopeOf = (shown: { scopes: { scope: string }[] }, scope: string) =>
  shown.scopes.find((one) => one.scope === scope);

test("caps, a rebuild, a check and an invoice", { timeout: 240_000 }, async () => {
  const empty = await json("budget", "show", "demo");
  assert.equal(empty.lost, true);
  assert.deepEqual(
    empty.scopes.map(({ scope }: { scope: string }) => scope),
    ["request", "session", "user_day", "tenant_day", "tenant_month"],
  );
  assert.equal((await sluice("rebuild", "budgets", "--check")).code, 0);

  const set = await sluice("budget", "set", "demo", "--scope", "tenant_day", "--usd", "0.5");
  assert.deepEqual([set.code, set.out], [0, "tenant_day of demo: no cap → $0.50\n"]);

  await publish([
    entry("reserved", "one"),
    entry("reserved", "two"),
    entry("reserved", "two"),
    entry("settled", "one", 1_500),
  ]);
  assert.equal((await sluice("rebuild", "budgets", "--check")).code, 1);
  const rebuilt = await json("rebuild", "budgets");
  assert.deepEqual([rebuilt.rebuilt, rebuilt.entries, rebuilt.holds, rebuilt.counters], [true, 4, 1, 4]);
  const shown = await json("budget", "show", "demo", "--user", "alice");
  assert.equal(shown.lost, false);
  const sums = {
    reserved_usd: 0.000002,
    settled_usd: 0.0000015,
    resets_at: scopeOf(shown, "user_day")?.["resets_at" as never],
  };
  assert.deepEqual(scopeOf(shown, "tenant_day"), { scope: "tenant_day", cap_usd: 0.5, ...sums });
  assert.deepEqual(scopeOf(shown, "user_day"), { scope: "user_day", cap_usd: null, ...sums });
  assert.equal((await sluice("rebuild", "budgets", "--check")).code, 0);

  const day = { scope: "tenant_day", subject: "", window: TODAY } as const;
  await redis.hincrby(counterKey(rebuilt.epoch, "demo", day), "s", 1);
  const check = await sluice("rebuild", "budgets", "--check", "--json");
  assert.equal(check.code, 1);
  assert.deepEqual(
    JSON.parse(check.out).differences.map((one: { scope: string; ledger: object; counters: object }) => one),
    [
      {
        ...{ tenant: "demo", ...day },
        ledger: { reserved_nusd: 2_000, settled_nusd: 1_500 },
        counters: { reserved_nusd: 2_000, settled_nusd: 1_501 },
      },
    ],
  );

  const explained = await sluice("budget", "explain", "demo", "--user", "alice");
  assert.match(explained.out, /tenant_day +at most \$0\.50 \(its record; the plan has no cap\): \$0\.000001501 spent/);
  assert.match(explained.out, /\$0\.0000015 +alice +gpt-4\.1-mini +result +one/);

  const invoice = join(dir, "invoice.csv");
  const head = "date,model,prompt_tokens,completion_tokens,cost_usd";
  await writeFile(invoice, `${head}\n${TODAY},gpt-4.1-mini,10,2,0.0000017\n`);
  const compared = await sluice("reconcile", "--invoice", invoice);
  assert.equal(compared.code, 1);
  assert.match(compared.out, /gpt-4\.1-mini .*\$0\.0000015 +\$0\.0000017 +\$0\.0000002/);
  const unasked = await sluice("reconcile", "--invoice", invoice, "--write");
  assert.deepEqual([unasked.code, /Add --yes/.test(unasked.err)], [2, true]);
  const written = await json("reconcile", "--invoice", invoice, "--write", "--yes");
  assert.deepEqual([written.written, written.adjustments[0].usd], [1, 0.0000002]);
  const again = await json("reconcile", "--invoice", invoice, "--write", "--yes");
  assert.deepEqual([again.written, again.adjustments], [0, []]);

  const prices = join(dir, "prices.yaml");
  await writeFile(
    prices,
    "version: corrected\nmodels:\n  gpt-4.1-mini: { input_usd_per_mtok: 0.25, output_usd_per_mtok: 1 }\n",
  );
  const repriced = await json("reconcile", "--prices", prices, "--from", TODAY, "--write", "--yes");
  assert.deepEqual([repriced.written, repriced.adjustments[0].usd], [1, 0.0000008]);
  assert.equal((await sluice("reconcile", "--prices", prices)).code, 0);

  await json("rebuild", "budgets");
  assert.equal((await sluice("rebuild", "budgets", "--check")).code, 0);
  const total = await json("budget", "show", "demo");
  assert.equal(scopeOf(total, "tenant_day")?.["settled_usd" as never], 0.0000025);
});

test("a stop is shown and lifted", { timeout: 60_000 }, async () => {
  await redis.set(trippedKey("demo"), `2000000000 ${NOW_MS}`);
  const shown = await json("budget", "show", "demo");
  assert.deepEqual(shown.stopped, { at: new Date(NOW_MS).toISOString(), limit_usd: 2 });
  assert.deepEqual(await json("budget", "resume", "demo"), { tenant: "demo", resumed: true });
  assert.deepEqual(await json("budget", "resume", "demo"), { tenant: "demo", resumed: false });
});

test("wrong usage has its exit code and the fix", { timeout: 120_000 }, async () => {
  for (const args of [
    ["budget", "show", "nobody"],
    ["budget", "set", "demo", "--scope", "week", "--usd", "1"],
    ["budget", "set", "demo", "--scope", "request"],
    ["budget", "set", "demo", "--scope", "request", "--usd", "-1"],
    ["budget", "set", "demo", "--scope", "request", "--usd", "1", "--none"],
    ["reconcile"],
    ["reconcile", "--invoice", "/nowhere.csv"],
  ]) {
    assert.equal((await sluice(...args)).code, 2, args.join(" "));
  }
});
