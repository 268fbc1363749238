/** docs/metrics.md lists every metric that the code makes, with its type and labels, and no other. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BEAT_METRICS } from "../../libs/shared/beats/beat.ts";
import { readSources } from "../support/architecture/sources.ts";
import { documentedMetrics } from "../support/metrics/documented.ts";
import { metricsInCode } from "../support/metrics/in-code.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const rows = documentedMetrics();
const made = metricsInCode(readSources(ROOT, ["libs", "services"]));

/** Made by two services, of their own kind: `sluice_in_flight`. */
const once = [...new Map(made.map((metric) => [metric.name, metric])).values()];

describe("docs/metrics.md", () => {
  test("lists every metric of the code, and no other", () => {
    assert.ok(once.length > 60);
    assert.deepEqual(rows.map(({ name }) => name).toSorted(), once.map(({ name }) => name).toSorted());
  });

  test("has their types and labels", () => {
    for (const { name, type, labels } of rows) {
      const of_name = made.filter((metric) => metric.name === name);
      assert.ok(of_name.length > 0, name);
      for (const metric of of_name)
        assert.deepEqual({ type, labels }, { type: metric.type, labels: metric.labels }, name);
    }
  });

  test("has every metric that beats carry", () => {
    const known = new Set(rows.map(({ name }) => name));
    assert.deepEqual(
      BEAT_METRICS.filter((name) => !name.startsWith("process_") && !known.has(name)),
      [],
    );
  });

  test("says of each who exports it and what it means", () => {
    for (const { name, services, meaning } of rows) assert.ok(services.length > 0 && meaning !== "", name);
  });
});

test("makers of every kind are found in code", () => {
  const code = `import { Counter, Gauge } from "prom-client";
const LABELS = ["group", "topic"] as const;
const NAME = "sluice_d_seconds";
new Counter<"a">({ name: "sluice_a_total", help: "h (of)", labelNames: ["a", "b"], registers });
new Histogram({ name: NAME, labelNames: [...LABELS, "c"] });
const gauge = (name: string): void => { new Gauge({ name, labelNames: ["e"], collect() { this.reset(); } }); };
gauge("sluice_e", "h");
for (const [name] of TABLE) new Gauge({ name, labelNames: LABELS });
const TABLE = [
  ["sluice_f", "h"],
];`;
  assert.deepEqual(metricsInCode([{ path: "a.ts", code, text: code, lines: 1 } as never]), [
    { name: "sluice_a_total", type: "counter", labels: ["a", "b"] },
    { name: "sluice_d_seconds", type: "histogram", labels: ["group", "topic", "c"] },
    { name: "sluice_e", type: "gauge", labels: ["e"] },
    { name: "sluice_f", type: "gauge", labels: ["group", "topic"] },
  ]);
});
