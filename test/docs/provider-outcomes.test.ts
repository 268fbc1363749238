/** docs/errors.md tells in words what services/inference/provider-outcomes.ts says in code: neither changes alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type OutcomeRow,
  PROVIDER_OUTCOMES,
  type ProviderOutcome,
  type Remedy,
} from "../../services/inference/provider-outcomes.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const HEADING = "### What inference does with a provider's answer";

/** How the page begins to say it. */
const WORDS: Readonly<Record<Remedy, string>> = {
  again: "again",
  next_key: "the next key",
  next_model: "the next model",
  fail: "final",
};

/** The cells of the section's table, without its head. */
function rowsOf(text: string): string[][] {
  const [, section = ""] = text.split(HEADING);
  const [until_next = ""] = section.split(/^#+ /m);
  const lines = until_next.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What stands in backticks at the beginning of a cell. */
const nameIn = (cell: string | undefined): string => /^`([^`]+)`/.exec(cell ?? "")?.[1] ?? "";

const rows = rowsOf(readFileSync(join(ROOT, "docs", "errors.md"), "utf8"));

describe("the table of failures in docs/errors.md", () => {
  test("has one row for each that the code knows, and no other", () => {
    const named = rows.map(([answer]) => nameIn(answer));
    assert.deepEqual(named.toSorted(), Object.keys(PROVIDER_OUTCOMES).toSorted());
  });

  for (const [outcome, expected] of Object.entries(PROVIDER_OUTCOMES) as [ProviderOutcome, OutcomeRow][]) {
    test(`says of ${outcome} what the code does`, () => {
      const [answer = "", done = "", endpoint = "", unknown = "", code = ""] =
        rows.find(([cell]) => nameIn(cell) === outcome) ?? [];
      assert.ok(answer.length > outcome.length + 4, "in words too");
      const said = (Object.keys(WORDS) as Remedy[]).filter((remedy) => done.startsWith(WORDS[remedy]));
      assert.deepEqual(said, [expected.remedy], done);
      assert.equal(nameIn(endpoint), expected.end, endpoint);
      assert.equal(unknown, expected.unknown ? "yes" : "no");
      assert.equal(nameIn(code), expected.code);
    });
  }
});
