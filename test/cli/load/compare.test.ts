/** Comparisons of runs: what is the same has no difference, what is slower matters, and gates. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkGates, compareRuns } from "../../../cli/load/compare.ts";
import { comparisonText } from "../../../cli/load/compare-text.ts";
import { reportPage } from "../../../cli/load/page.ts";
import { checkTargets, warningsOf } from "../../../cli/load/record.ts";
import { verdictOf } from "../../../cli/load/verdict.ts";
import { runText } from "../../../cli/load/view.ts";
import { madeRun } from "./made-run.ts";

const latency = (comparison: ReturnType<typeof compareRuns>, percentile: string) =>
  comparison.rows.find(
    ({ name }) => name.startsWith("whole latency, from when it was due") && name.endsWith(percentile),
  );

describe("a comparison", () => {
  const base = madeRun({ seed: 1 });

  test("of a run with itself finds nothing", () => {
    const comparison = compareRuns(base, base);
    assert.deepEqual(comparison.differs, []);
    for (const row of comparison.rows) {
      assert.equal(row.before, row.after);
      assert.notEqual(row.matters, true, row.name);
    }
  });

  test("of two runs of the same kind mostly finds chance", () => {
    const verdicts = [2, 3, 4, 5, 6, 7, 8, 9].map(
      (seed) => latency(compareRuns(base, madeRun({ seed })), "p50")?.matters,
    );
    assert.ok(verdicts.filter((matters) => matters).length <= 2, String(verdicts));
  });

  test("of a slower run says that it matters, by how much, and in which interval", () => {
    const row = latency(compareRuns(base, madeRun({ seed: 2, slower: 1.3 })), "p95");
    assert.equal(row?.matters, true);
    assert.ok(Math.abs((row?.change ?? 0) - 0.3) < 0.1, String(row?.change));
    const [low, high] = row?.interval ?? [0, 0];
    assert.ok(low > 0 && high > low);
  });

  test("judges no run that is too short", () => {
    const short = madeRun({ seed: 1, steps: 4 });
    assert.equal(latency(compareRuns(short, short), "p50")?.matters, undefined);
  });

  test("names what else is different", () => {
    const other = { ...base, versions: { ...base.versions, price_version: "other" }, workers: 3 };
    assert.deepEqual(compareRuns(base, other).differs, ["the price list", "the number of generators"]);
  });

  test("of errors counts points", () => {
    const comparison = compareRuns(base, madeRun({ seed: 1, failing: 0.05 }));
    const [gate] = checkGates(comparison, { errors_increase_max: 0.01 }, false);
    assert.equal(gate?.passed, false);
    assert.ok(Math.abs((gate?.value ?? 0) - 0.05) < 0.02, String(gate?.value));
  });
});

describe("gates", () => {
  const [base, slower] = [madeRun({ seed: 1 }), madeRun({ seed: 2, slower: 1.3 })];
  const table: readonly (readonly [limit: number, only_what_matters: boolean, passed: boolean])[] = [
    [0.1, false, false],
    [0.1, true, false],
    [0.6, false, true],
  ];
  for (const [limit, only, passed] of table) {
    test(`p95 may grow by ${limit}${only ? ", where it matters" : ""}`, () => {
      const [gate] = checkGates(compareRuns(base, slower), { p95_increase_max: limit }, only);
      assert.equal(gate?.passed, passed);
    });
  }
  test("that have nothing to measure are not passed", () => {
    const [gate] = checkGates(compareRuns(base, slower), { first_token_p95_increase_max: 1 }, false);
    assert.deepEqual(gate, { gate: "first_token_p95_increase_max", limit: 1, passed: false });
  });
  test("stand in the text", () => {
    const comparison = compareRuns(base, slower);
    const text = comparisonText(comparison, checkGates(comparison, { p95_increase_max: 0.1 }, false));
    assert.match(text, /gate p95_increase_max \+10\.0 %: \+\d+\.\d %, failed/);
    assert.match(text, /matters/);
  });
});

describe("a run", () => {
  test("misses targets, and one that nothing was measured for", () => {
    const run = madeRun({
      seed: 1,
      targets: { latency_p95_ms_max: 1, error_ratio_max: 0.5, first_token_p95_ms_max: 5 },
    });
    assert.deepEqual(
      checkTargets(run).map(({ target, met }) => [target, met]),
      [
        ["latency_p95_ms_max", false],
        ["first_token_p95_ms_max", false],
        ["error_ratio_max", true],
      ],
    );
  });

  test("says what a reader must know", () => {
    const run = madeRun({ seed: 1, behind_ms: 200, not_sent: 3 });
    const [behind, not_sent] = warningsOf(run);
    assert.match(behind ?? "", /the generator fell behind: .* 200 ms/);
    assert.match(not_sent ?? "", /^3 of \d+ requests were not sent/);
    assert.deepEqual(warningsOf(madeRun({ seed: 1 })), []);
    assert.match(runText(run), /note: the generator fell behind/);
  });

  test("has a page of its own, in which a scenario's text is text", () => {
    const run = madeRun({ seed: 1, text: "</script><script>alert(1)</script>" });
    const page = reportPage(run, { plot_script: "/* uPlot */", plot_style: "" });
    assert.doesNotMatch(page, /<script>alert/);
    assert.match(page, /id="latency"/);
  });
});

describe("a verdict", () => {
  const run = madeRun({ seed: 1 });
  const { pipeline } = run.figures;
  const sent = run.recorded.counts.topic_sent;
  const found = { results: sent, twice: 0, pipeline, published: undefined };
  const off = pipeline === undefined ? undefined : { ...pipeline, p99: pipeline.p99 * 1.05 };
  const table: readonly (readonly [name: string, found: Parameters<typeof verdictOf>[1], passed: boolean])[] = [
    ["agrees", found, true],
    ["misses one", { ...found, results: sent - 1 }, false],
    ["has one twice", { ...found, twice: 1 }, false],
    ["is 5 % apart at p99", { ...found, pipeline: off }, false],
    ["has nothing", { ...found, pipeline: undefined }, false],
  ];
  for (const [name, one, passed] of table) test(name, () => assert.equal(verdictOf(run, one).passed, passed));
});
