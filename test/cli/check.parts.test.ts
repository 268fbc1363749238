/** On real parts: a check asks all of them, and finds what one machine lacks. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { Finding } from "../../cli/check/finding.ts";
import { ROOT } from "../../cli/context.ts";

test("every part is asked, and one broker is a warning", { timeout: 120_000 }, async () => {
  const argv = [join(ROOT, "cli", "sluice.ts"), "check", "--json"];
  const out = await new Promise<string>((resolve) => {
    execFile(process.execPath, argv, { env: process.env, timeout: 100_000 }, (_, stdout) => resolve(stdout));
  });
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
