/** The tree keeps its own rules; and each rule finds what it is there to find. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LONG_FILES, RULES } from "./support/architecture/rules.ts";
import { readSources, type Source, sourceOf } from "./support/architecture/sources.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = readSources(ROOT, ["libs", "services", "cli", "tools", "bench", "examples", "test"]);

describe("the tree", () => {
  for (const { name, check } of RULES) {
    test(name, () => assert.deepEqual(check(SOURCES), []));
  }

  test("a file that is listed as long is long", () => {
    const long = new Map(SOURCES.map(({ path, lines }) => [path, lines]));
    for (const path of Object.keys(LONG_FILES)) assert.ok((long.get(path) ?? 0) > 350, `${path} needs no exception`);
  });

  test("the sources were found", () => {
    const paths = SOURCES.map(({ path }) => path);
    for (const service of ["gateway", "ingest", "router", "inference", "results"]) {
      assert.ok(paths.includes(`services/${service}/main.ts`));
    }
  });
});

type Files = Readonly<Record<string, string>>;

const DOC = "/** What it does. */\n";
const PURE = "/** Decides. Pure. */\n";

/** For each rule, by a word of its name: files that break it and files that do not. */
const PLANTED: readonly (readonly [rule: string, bad: Files, good: Files])[] = [
  [
    "uses no time",
    { "libs/a.ts": `${PURE}export const now = () => Date.now();\n` },
    { "libs/a.ts": `${PURE}export const at = (now_ms: number) => now_ms;\n// not Date.now()\n` },
  ],
  [
    "by whatever detour",
    {
      "libs/a.ts": `${PURE}import { b } from "./b.ts";\n`,
      "libs/b.ts": `${DOC}import { readFileSync } from "node:fs";\n`,
    },
    {
      "libs/a.ts": `${PURE}import type { B } from "./b.ts";\nimport { createHash } from "node:crypto";\n`,
      "libs/b.ts": `${DOC}import { readFileSync } from "node:fs";\n`,
    },
  ],
  [
    "each other",
    { "services/a/x.ts": `${DOC}import {\n  y,\n} from "../b/y.ts";\n`, "services/b/y.ts": DOC },
    { "services/a/x.ts": `${DOC}import { y } from "./y.ts";\n`, "services/a/y.ts": DOC },
  ],
  [
    "nothing above",
    { "libs/a.ts": `${DOC}import type { Up } from "../cli/up.ts";\n`, "cli/up.ts": DOC },
    { "cli/up.ts": `import { a } from "../libs/a.ts";\n`, "libs/a.ts": DOC },
  ],
  [
    "kafkajs",
    { "services/a/main.ts": `${DOC}import kafkajs, { type Kafka } from "kafkajs";\n` },
    {
      "services/a/main.ts": `${DOC}import type { Kafka } from "kafkajs";\n`,
      "libs/shared/kafka/client.ts": `${DOC}import kafkajs from "kafkajs";\n`,
    },
  ],
  [
    "read the environment",
    { "libs/a.ts": `${DOC}export const a = process.env["A"];\n` },
    { "services/a/main.ts": `${DOC}run(process.env);\n`, "cli/up.ts": "run(process.env);\n" },
  ],
  ["at most", { "tools/a.ts": "x();\n".repeat(351) }, { "tools/a.ts": "x();\n".repeat(350) }],
  ["first lines", { "libs/a.ts": 'import "./b.ts";\n' }, { "tools/a.ts": "x();\n", "libs/a.ts": DOC }],
  ["drawer", { "libs/shared/utils.ts": DOC }, { "libs/shared/utilisation.ts": DOC }],
  [
    "passes on",
    { "libs/index.ts": `${DOC}export * from "./a.ts";\nexport { b } from "./b.ts";\n` },
    { "libs/index.ts": `${DOC}export * from "./a.ts";\nexport const b = 1;\n` },
  ],
  [
    "with its ending",
    { "libs/a.ts": `${DOC}import { b } from "./b";\n`, "libs/b.ts": DOC },
    { "libs/a.ts": `${DOC}import { b } from "./b.ts";\n`, "libs/b.ts": DOC },
  ],
  [
    "circles",
    { "libs/a.ts": `${DOC}import { b } from "./b.ts";\n`, "libs/b.ts": `${DOC}import { a } from "./a.ts";\n` },
    { "libs/a.ts": `${DOC}import { b } from "./b.ts";\n`, "libs/b.ts": `${DOC}import type { A } from "./a.ts";\n` },
  ],
];

const sourcesOf = (files: Files): Source[] => Object.entries(files).map(([path, text]) => sourceOf(path, text));

describe("each rule", () => {
  test("has planted files", () => {
    for (const { name } of RULES)
      assert.ok(
        PLANTED.some(([rule]) => name.includes(rule)),
        name,
      );
  });
  for (const [rule, bad, good] of PLANTED) {
    test(`finds what breaks it and nothing else: ${rule}`, () => {
      const { check } = RULES.find(({ name }) => name.includes(rule)) ?? { check: () => ["no such rule"] };
      assert.notDeepEqual(check(sourcesOf(bad)), []);
      assert.deepEqual(check(sourcesOf(good)), []);
    });
  }
});
