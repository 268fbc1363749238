/** On real parts: a check asks all of them, and finds what one machine lacks. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Finding } from "../../cli/check/finding.ts";
import { ROOT } from "../../cli/context.ts";

test("every part is asked, and one broker is a warning", { timeout: 120_000 }, async () => {
  const settings = await ownSettings();
  await sluice(settings, "topics");
  const out = await sluice(settings, "check", "--json");
  const { findings, counts } = JSON.parse(out) as { findings: Finding[]; counts: Record<string, number> };
  assert.deepEqual([...new Set(findings.map(({ part }) => part))].sort(), [
    "access",
    "clocks",
    "kafka",
    "models",
    "postgres",
    "redis",
    "registry",
  ]);
  assert.equal(findings.find(({ check }) => check === "brokers")?.level, "warning");
  assert.equal(findings.find(({ check }) => check === "redis_eviction")?.level, "ok");
  assert.deepEqual(
    findings.filter(({ check }) => check.endsWith("_reached") && check !== "endpoint_reached"),
    [],
  );
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    findings.length,
  );
});

/** Settings of a pipeline of its own on the shared parts. */
async function ownSettings(): Promise<string> {
  const prefix = `check-${randomUUID().slice(0, 8)}.`;
  const file = join(await mkdtemp(join(tmpdir(), "sluice-check-")), "sluice.yaml");
  const text = await readFile(join(ROOT, "sluice.yaml"), "utf8");
  await writeFile(
    file,
    text.replace("prefix: llm.", `prefix: "${prefix}"`).concat(`\nconsumption: { group_prefix: "${prefix}" }\n`),
  );
  return file;
}

/** @returns standard output, whatever the exit code. */
function sluice(settings: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, SLUICE_SETTINGS: settings };
  const argv = [join(ROOT, "cli", "sluice.ts"), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { env, timeout: 60_000 }, (_, stdout) => resolve(stdout));
  });
}
