/** docs/errors.md names every code that the source can give, and no other. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readSources, sourceOf } from "../support/architecture/sources.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const CODE = '"([a-z][a-z_]*)"';
/** The ways in which the source gives a code. */
const GIVEN = [
  // A field, a default or a choice: code: "x", code = "x", code: test ? "x" : "y".
  new RegExp(`(?<![.\\w])code\\??\\s*[:=]\\s*(?:[^,;{}"]*[?:]\\s*)?${CODE}(?!\\s+in\\b)(?:\\s*:\\s*${CODE})?`, "g"),
  // The functions that build an error, a verdict or a row of a table of failures, the code first.
  new RegExp(`\\b(?:SluiceError|failed|failure|row|unreadable)\\(\\s*${CODE}`, "g"),
  // A refusal by the gateway: the HTTP status, then the code. By ingest: the field, then the code.
  new RegExp(`\\brefused?\\(\\s*\\d+,\\s*${CODE}`, "g"),
  new RegExp(`\\brefuse\\(\\s*\\{[^}]*\\},\\s*${CODE}`, "g"),
  // What is wrong with a line of a job's input, and the end of a job: its state, then the code.
  new RegExp(`\\bproblem\\(\\s*${CODE}`, "g"),
  new RegExp(`\\bfails\\(\\s*[\\w.]+,\\s*${CODE}`, "g"),
  // A dead letter: who writes it, the record, the code.
  new RegExp(`\\bdeadLetter\\(\\s*[\\w.]+,\\s*[\\w.]+,\\s*${CODE}`, "g"),
];
/** Lists of codes: unions of string literals, statuses by code, and what a choice of code gives. */
const UNION = /type \w*Code =([^;]*);/g;
const CODE_OF = /function codeOf\(status: number\)[^{]*\{([^}]*)\}/g;
const BY_CODE = /BY_CODE\b[^=]*=\s*\{([^}]*)\}/g;

/** Every code in the text of a module. */
function codesIn(code: string): string[] {
  const given = GIVEN.flatMap((pattern) => [...code.matchAll(pattern)].flatMap(([, first, second]) => [first, second]));
  const unions = [...code.matchAll(UNION)].flatMap(([, list = ""]) => list.match(/(?<=")[a-z_]+(?=")/g) ?? []);
  const chosen = [...code.matchAll(CODE_OF)].flatMap(([, list = ""]) => list.match(/(?<=")[a-z_]+(?=")/g) ?? []);
  const keys = [...code.matchAll(BY_CODE)].flatMap(([, list = ""]) => list.match(/[a-z_]+(?=:)/g) ?? []);
  return [...given, ...unions, ...chosen, ...keys].filter((found) => found !== undefined);
}

const used = new Map<string, string>();
for (const { path, code } of readSources(ROOT, ["libs", "services", "cli", "tools/stack"])) {
  for (const found of codesIn(code)) used.set(found, path);
}
const text = readFileSync(join(ROOT, "docs", "errors.md"), "utf8");
const documented = [...text.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code = ""]) => code);

describe("docs/errors.md", () => {
  test("names every code that the source gives", () => {
    const missing = [...used].filter(([code]) => !documented.includes(code));
    assert.deepEqual(missing, [], "code and the module that gives it: add a line to docs/errors.md");
  });

  test("names no code that the source does not give", () => {
    assert.deepEqual(
      documented.filter((code) => !used.has(code)),
      [],
      "take these out of docs/errors.md",
    );
  });

  test("says of every code what it means, who gives it and what to do", () => {
    for (const line of text.split("\n").filter((row) => /^\| `[a-z_]+` \|/.test(row))) {
      const cells = line.split(/(?<!\\)\|/).slice(1, -1);
      assert.ok(cells.length >= 4 && cells.every((cell) => cell.trim() !== ""), line);
    }
  });
});

describe("the collector of codes", () => {
  const snippets: readonly (readonly [code: string, found: readonly string[]])[] = [
    ['throw new SluiceError("a_b", "text");', ["a_b"]],
    ['return failed(\n  "a_b",\n  "api_error", detail, true);', ["a_b"]],
    ['"429": row("a_b", "api_error", "again", "failed"),', ["a_b"]],
    ['const error = { code: "a_b", type: "api_error" };', ["a_b"]],
    ['return { ok: false, code: error instanceof SyntaxError ? "a_b" : "c_d", message };', ["a_b", "c_d"]],
    ['const code = error instanceof E ? error.code : "a_b";', ["a_b"]],
    ['const refuse = (problem: P, code = "a_b") => 1;', ["a_b"]],
    ['return refuse({ param: "tenant", message }, "a_b");', ["a_b"]],
    ['return refused(401, "a_b", "text");', ["a_b"]],
    ['call(verdict.ok ? verdict.error.code : "fine"); const found = "code" in error;', []],
    ['return refuse(409, "a_b", "text");', ["a_b"]],
    ['return problem("a_b", null, "text");', ["a_b"]],
    ['return fails(job.state, "a_b", "text");', ["a_b"]],
    ['return refused("param", "text");', []],
    ['return deadLetter(deps.dead_letters, record, "a_b", "text");', ["a_b"]],
    ['export type SomeCode =\n  | "a_b"\n  | "c_d";', ["a_b", "c_d"]],
    ['function codeOf(status: number): string {\n  return status === 1 ? "a_b" : "c_d";\n}', ["a_b", "c_d"]],
    ["const STATUS_BY_CODE: Readonly<Record<string, number>> = {\n  a_b: 400,\n  c_d: 404,\n};", ["a_b", "c_d"]],
  ];
  for (const [code, found] of snippets) {
    test(code, () => assert.deepEqual(codesIn(sourceOf("libs/a.ts", code).code), found));
  }
});
