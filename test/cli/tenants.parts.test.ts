/** Tenants on a real topic: made, listed and removed, by the command line as a user calls it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../../cli/context.ts";
import type { TenantView } from "../../cli/tenants/view.ts";

const run = promisify(execFile);
const env = { ...process.env };

async function sluice<T>(...args: readonly string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [join(ROOT, "cli/sluice.ts"), ...args, "--json"], { env, cwd: ROOT });
  return JSON.parse(stdout) as T;
}

const names = async (): Promise<string[]> =>
  (await sluice<{ tenants: TenantView[] }>("tenants", "ls")).tenants.map(({ tenant, from }) => `${tenant} ${from}`);

before(async () => {
  // A prefix of its own: no other test's tenants are seen.
  const settings = await readFile(join(ROOT, "sluice.yaml"), "utf8");
  const file = join(await mkdtemp(join(tmpdir(), "sluice-tenants-")), "sluice.yaml");
  await writeFile(file, settings.replace("prefix: llm.", `prefix: tenants-${process.pid}.`));
  env["SLUICE_SETTINGS"] = file;
  await sluice("topics");
});

test("a tenant is made, may have keys, keeps its caps with a plan set anew, and is removed", async () => {
  assert.deepEqual(await names(), ["demo sluice.yaml"]);
  assert.deepEqual(await sluice("tenants", "set", "acme"), { tenant: "acme", plan: "default" });
  assert.deepEqual(await names(), ["acme llm.tenants", "demo sluice.yaml"]);
  assert.equal((await sluice<{ tenant: string }>("keys", "create", "--tenant", "acme")).tenant, "acme");
  await sluice("budget", "set", "acme", "--scope", "tenant_day", "--usd", "2");
  await sluice("tenants", "set", "acme", "--plan", "default");
  const { tenants } = await sluice<{ tenants: TenantView[] }>("tenants", "ls");
  assert.equal(tenants[0]?.overrides, true);
  assert.deepEqual(await sluice("tenants", "rm", "acme"), { tenant: "acme", known: false });
  assert.deepEqual(await names(), ["demo sluice.yaml"]);
});

test("what cannot be is refused with the fix", async () => {
  await assert.rejects(sluice("tenants", "set", "no tenant"), /is no name of a tenant/);
  await assert.rejects(sluice("tenants", "set", "acme", "--plan", "gold"), /there is no plan/);
  await assert.rejects(sluice("tenants", "rm", "demo"), /there is no record/);
});
