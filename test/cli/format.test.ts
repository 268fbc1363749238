import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatMs,
  formatNusd,
  formatRetention,
  formatTable,
  formatUsd,
  oneLine,
  parseDurationMs,
  parseTimeMs,
  printable,
} from "../../cli/output/format.ts";
import { exitCodeOf, formatError } from "../../cli/output/terminal.ts";
import { defaultsOf, parseCount, parseDeadline, parsePair, parseRate } from "../../cli/requests/options.ts";
import { parseFrom, resolveTopic } from "../../cli/tail.ts";
import { SluiceError, unavailable } from "../../libs/shared/errors.ts";

test("durations and times", () => {
  assert.equal(parseDurationMs("30s"), 30_000);
  assert.equal(parseDurationMs("1.5h"), 5_400_000);
  assert.equal(parseDurationMs("250ms"), 250);
  for (const bad of ["", "30", "s", "-1s", "1 week", "5sm"]) assert.equal(parseDurationMs(bad), undefined, bad);
  assert.equal(parseTimeMs("2026-01-31T12:00:00Z"), Date.UTC(2026, 0, 31, 12));
  assert.equal(parseTimeMs("2026-01-31T12:00:00+01:00"), Date.UTC(2026, 0, 31, 11));
  for (const bad of ["2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T12:00:00", "soon"]) {
    assert.equal(parseTimeMs(bad), undefined, bad);
  }
});

test("flags are read, or refused as usage", () => {
  assert.equal(parseDeadline("10m", 0), "1970-01-01T00:10:00.000Z");
  assert.equal(parseDeadline("2026-01-31T12:00:00Z", 0), "2026-01-31T12:00:00Z");
  assert.equal(parseRate("50/s"), 50);
  assert.equal(parseRate("600/m"), 10);
  assert.equal(parseCount("7"), 7);
  assert.deepEqual(parsePair("b=2=3", parsePair("a=1")), { a: "1", b: "2=3" });
  assert.deepEqual(defaultsOf({ tenant: "t", maxOutputTokens: 5 }, 0), { tenant: "t", max_output_tokens: 5 });
  const wrong = [
    () => parseDeadline("soon", 0),
    () => parseRate("0"),
    () => parseRate("fast"),
    () => parseCount("0"),
    () => parsePair("novalue"),
    () => parseFrom("yesterday", 0),
  ];
  for (const call of wrong) assert.throws(call, (error) => exitCodeOf(error) === 2);
});

test("where a tail begins", () => {
  assert.deepEqual(parseFrom("beginning", 0), { kind: "beginning" });
  assert.deepEqual(parseFrom("17", 0), { kind: "offset", offset: 17 });
  assert.deepEqual(parseFrom("10m", 1_000_000), { kind: "time", timestamp_ms: 400_000 });
  assert.deepEqual(parseFrom("1970-01-01T00:00:01Z", 0), { kind: "time", timestamp_ms: 1_000 });
});

test("a topic goes by its name with or without the prefix", () => {
  const topics = ["llm.results", "llm.jobs.small", "orders"];
  assert.equal(resolveTopic("results", "llm.", topics), "llm.results");
  assert.equal(resolveTopic("llm.results", "llm.", topics), "llm.results");
  assert.equal(resolveTopic("orders", "llm.", topics), "orders");
  assert.throws(() => resolveTopic("nope", "llm.", topics), { code: "usage" });
});

test("values for people", () => {
  assert.deepEqual([0, 0.00000012, 0.000123, 0.5, 12.345].map(formatUsd), [
    "$0",
    "$0.000000120",
    "$0.000123",
    "$0.500000",
    "$12.35",
  ]);
  assert.deepEqual([0, 1, -120, 500_000_000, -12_345_678_901, 9e15, 1_230_000_000].map(formatNusd), [
    ...["$0.00", "$0.000000001", "-$0.00000012", "$0.50", "-$12.345678901", "$9000000.00", "$1.23"],
  ]);
  assert.deepEqual([7, 1_234, 65_000, 600_000].map(formatMs), ["7 ms", "1.23 s", "65.0 s", "10 min"]);
  assert.deepEqual([-1, 604_800_000, 129_600_000].map(formatRetention), ["forever", "7 d", "36 h"]);
  assert.equal(oneLine("a\n\tb\u001b[31mc", 20), "a b [31mc");
  assert.equal(oneLine("abcdef", 4), "abc…");
  assert.equal(
    formatTable(
      ["a", "n"],
      [
        ["x", "1"],
        ["yy", "22"],
      ],
      [1],
    ),
    "a    n\nx    1\nyy  22",
  );
});

test("errors: exit codes, and JSON where it was asked for", () => {
  assert.equal(exitCodeOf(new SluiceError("not_running", "x")), 3);
  assert.equal(exitCodeOf(unavailable("kafka", "away")), 3);
  assert.equal(exitCodeOf(new Error("bug")), 1);
  assert.deepEqual(JSON.parse(formatError(new SluiceError("usage", "m", { fix: "f" }), true)), {
    error: { code: "usage", fix: "f", message: "m" },
  });
  assert.equal(formatError(new SluiceError("usage", "m", { fix: "f." }), false), "sluice: m. f.\n");
});

test("what steers a terminal is shown by its number", () => {
  assert.equal(printable("a\tb\nc"), "a\tb\nc");
  assert.equal(printable("\u001b[2Jgone\u009b1m\r\u202eok é 漢"), "\\u{1b}[2Jgone\\u{9b}1m\\u{d}\\u{202e}ok é 漢");
});
