/** Keys on a real topic: made, listed, revoked, rotated, by the command line as a user calls it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../../cli/context.ts";

const run = promisify(execFile);
const env = { ...process.env };

async function sluice<T>(...args: readonly string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [join(ROOT, "cli/sluice.ts"), ...args, "--json"], { env, cwd: ROOT });
  return JSON.parse(stdout) as T;
}

type Listed = {
  readonly keys: readonly { readonly id: string; readonly tenant: string; readonly revoked_ms?: number }[];
};
type Made = { readonly key: string; readonly id: string; readonly tenant: string };

before(async () => {
  // A prefix of its own: no other test's keys are seen.
  const settings = await readFile(join(ROOT, "sluice.yaml"), "utf8");
  const file = join(await mkdtemp(join(tmpdir(), "sluice-keys-")), "sluice.yaml");
  await writeFile(file, settings.replace("prefix: llm.", `prefix: keys-${process.pid}.`));
  env["SLUICE_SETTINGS"] = file;
  await sluice("topics");
});

test("a key is made, listed without its secret, rotated and revoked", async () => {
  const made = await sluice<Made>("keys", "create", "--tenant", "demo");
  assert.match(made.key, /^slc_[0-9a-f]{10}_[0-9a-f]{56}$/);
  assert.equal(made.tenant, "demo");
  const listed = await sluice<Listed>("keys", "ls");
  assert.deepEqual(
    listed.keys.map(({ id, tenant, revoked_ms }) => [id, tenant, revoked_ms]),
    [[made.id, "demo", undefined]],
  );
  assert.ok(!JSON.stringify(listed).includes(made.key));

  const rotated = await sluice<Made>("keys", "rotate", made.id);
  assert.notEqual(rotated.id, made.id);
  await sluice("keys", "revoke", rotated.id);
  const { keys } = await sluice<Listed>("keys", "ls", "--tenant", "demo");
  assert.deepEqual(new Set(keys.map(({ id }) => id)), new Set([made.id, rotated.id]));
  assert.ok(keys.every(({ revoked_ms }) => revoked_ms !== undefined));
});

test("an unknown tenant and an unknown key are refused with the fix", async () => {
  await assert.rejects(sluice("keys", "create", "--tenant", "nobody"), /tenants set.*makes one.*there is no tenant/s);
  await assert.rejects(sluice("keys", "revoke", "0000000000"), /keys ls.*there is no key/s);
});
