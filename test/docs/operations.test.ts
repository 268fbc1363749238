/** docs/operations.md names every environment variable, no metric that is none, and the settings of services with their defaults. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { filesSchema, gatewaySchema, jobsSchema, webhooksSchema } from "../../libs/shared/config/gateway.ts";
import { endpointSchema, inferenceSchema, priceSchema, tierSchema } from "../../libs/shared/config/inference.ts";
import { resultsSchema } from "../../libs/shared/config/outputs.ts";
import { admissionSchema, planSchema } from "../../libs/shared/config/plans.ts";
import { dlqSchema, replaySchema } from "../../libs/shared/config/replay.ts";
import { readSources } from "../support/architecture/sources.ts";
import { documentedMetrics } from "../support/metrics/documented.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const TEXT = readFileSync(join(ROOT, "docs", "operations.md"), "utf8");
const CODE = readSources(ROOT, ["libs", "services", "cli"])
  .map(({ code }) => code)
  .join("\n");

const all = (text: string, pattern: RegExp): Set<string> =>
  new Set([...text.matchAll(pattern)].flatMap(([, name]) => (name === undefined ? [] : [name])));

const MIB = 1024 * 1024;

/** Every value below the settings, by its path, as the page shows it. */
function defaultsOf(settings: object, prefix: string): [path: string, shown: string][] {
  return Object.entries(settings).flatMap(([name, value]: [string, unknown]) => {
    if (Array.isArray(value)) return [[`${prefix}${name}`, value.join(", ") || "none"]];
    if (typeof value === "object" && value !== null) return defaultsOf(value, `${prefix}${name}.`);
    if (typeof value !== "number") return [[`${prefix}${name}`, `\`${value}\``]];
    const is_mib = value > 0 && value % MIB === 0;
    return [[`${prefix}${name}`, is_mib ? `${value / MIB} MiB` : value.toLocaleString("en-GB")]];
  });
}

describe("docs/operations.md", () => {
  test("names every environment variable", () => {
    const read = all(CODE, /\benv\["([A-Z_]+)"\]/g);
    const declared = all(CODE, /^ {2}([A-Z]+(?:_[A-Z]+)+): \w+\./gm);
    const by_default = all(CODE, /_env: .*\.default\("([A-Z_]+)"\)/g);
    assert.ok(declared.size >= 8 && by_default.size === 3);
    const documented = all(TEXT, /^\| `([A-Z_]+)` \|/gm);
    assert.deepEqual([...read.union(declared).union(by_default).difference(documented)], []);
  });

  test("names only metrics that there are", () => {
    const there = new Set(documentedMetrics().map(({ name }) => name));
    const named = all(TEXT, /`((?:sluice|gen_ai)_[a-z_]+)(?=[`{])/g);
    assert.ok(named.size >= 10);
    assert.deepEqual([...named.difference(there)], []);
  });

  test("names the settings of services with their defaults", () => {
    const {
      input_usd_per_mtok: _input,
      output_usd_per_mtok: _output,
      ...price
    } = priceSchema.parse({ input_usd_per_mtok: 1 });
    const { models: _, ...tier } = tierSchema.parse({ models: ["one"] });
    const defaults = [
      ...defaultsOf(endpointSchema.parse({}), ""),
      ...defaultsOf(tier, ""),
      ...defaultsOf(inferenceSchema.parse({}), "inference."),
      ...defaultsOf(planSchema.parse({}), "plans.<plan>."),
      ...defaultsOf(admissionSchema.parse({}), "admission."),
      ...defaultsOf(price, ""),
      ...defaultsOf(gatewaySchema.parse({}), "gateway."),
      ...defaultsOf(filesSchema.parse({}), "files."),
      ...defaultsOf(webhooksSchema.parse({}), "webhooks."),
      ...defaultsOf(jobsSchema.parse({}), "jobs."),
      ...defaultsOf(resultsSchema.parse({}), "results."),
      ...defaultsOf(replaySchema.parse({}), "replay."),
      ...defaultsOf(dlqSchema.parse({}), "dlq."),
    ];
    assert.ok(defaults.length > 80);
    const missing = defaults.filter(([path, shown]) => !TEXT.includes(`\n| \`${path}\` | ${shown} |`));
    assert.deepEqual(missing, [], "path and default: correct its line in docs/operations.md");
  });
});
