/** On real parts: a check asks all of them, and finds what one machine lacks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../cli/check/finding.ts";
import { ownSettings, sluiceWith } from "../support/own-settings.ts";

test("every part is asked, and one broker is a warning", { timeout: 120_000 }, async () => {
  const settings = await ownSettings();
  await sluiceWith(settings, "topics");
  const { out } = await sluiceWith(settings, "check", "--json");
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
