/** docs/operations.md names every environment variable and every metric that there is, and no other metric. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readSources } from "../support/architecture/sources.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const TEXT = readFileSync(join(ROOT, "docs", "operations.md"), "utf8");
const CODE = readSources(ROOT, ["libs", "services", "cli"])
  .map(({ code }) => code)
  .join("\n");

const all = (text: string, pattern: RegExp): Set<string> =>
  new Set([...text.matchAll(pattern)].flatMap(([, name]) => (name === undefined ? [] : [name])));

describe("docs/operations.md", () => {
  test("names every environment variable", () => {
    const read = all(CODE, /\benv\["([A-Z_]+)"\]/g);
    const declared = all(CODE, /^ {2}([A-Z]+(?:_[A-Z]+)+): \w+\./gm);
    const by_default = all(CODE, /_env: z\.string\(\)\.default\("([A-Z_]+)"\)/g);
    assert.ok(declared.size >= 8 && by_default.size === 2);
    const documented = all(TEXT, /^\| `([A-Z_]+)` \|/gm);
    assert.deepEqual([...read.union(declared).union(by_default).difference(documented)], []);
  });

  test("names every metric, and no other", () => {
    const there = all(CODE, /name: "((?:sluice|gen_ai)_[a-z_]+)"/g);
    assert.ok(there.size >= 5);
    assert.deepEqual([...all(TEXT, /^\| `((?:sluice|gen_ai)_[a-z_]+)` \|/gm)].toSorted(), [...there].toSorted());
  });
});
