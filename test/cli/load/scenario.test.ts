/** What a scenario's file may say, and what is said of one that is wrong. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { builtIns, readScenario } from "../../../cli/load/files.ts";
import { durationOf, peakOf, piecesOf } from "../../../cli/load/phases.ts";
import { parseScenario } from "../../../cli/load/scenario.ts";

const BASE = "phases: [{ duration: 10s, rate: 5 }]\n";

describe("a scenario", () => {
  test("has defaults", () => {
    const scenario = parseScenario(`${BASE}templates: [{ name: one }]`, "s.yaml");
    assert.equal(scenario.door, "topic");
    assert.equal(scenario.arrivals, "poisson");
    assert.equal(scenario.timeout, 60_000);
    assert.deepEqual(scenario.phases, [{ duration: 10_000, rate: 5, pattern: "linear" }]);
    assert.equal(scenario.templates[0]?.weight, 1);
  });

  const one = (more: string): string => `${BASE}templates:\n  - name: one\n    ${more}\n`;
  const wrong: readonly (readonly [text: string, said: RegExp])[] = [
    ["phases: [", /s\.yaml:1: /],
    ["templates: [{ name: one }]", /s\.yaml:1: phases: is missing; add it/],
    [
      `${BASE}templates: [{ name: one }]\ndor: http`,
      /s\.yaml:3: dor: unknown setting; remove it or correct its spelling/,
    ],
    ["phases: [{ duration: 10, rate: 5 }]\ntemplates: [{ name: one }]", /s\.yaml:1: phases\.0\.duration: /],
    ["phases: [{ duration: 10y, rate: 5 }]\ntemplates: [{ name: one }]", /must be a duration such as/],
    ["phases: [{ duration: 10s, rate: 0 }]\ntemplates: [{ name: one }]", /ask for nothing; give one a rate above 0/],
    [
      "phases: [{ duration: 10s, rate: 1, pattern: bursts }]\ntemplates: [{ name: one }]",
      /needs every; add it[\s\S]*needs for; add it[\s\S]*needs `to`/,
    ],
    [
      "phases: [{ duration: 10s, rate: 1, steps: 3 }]\ntemplates: [{ name: one }]",
      /phases\.0\.steps: is of pattern steps; remove it/,
    ],
    [
      "phases: [{ duration: 9s, rate: 1, to: 2, pattern: bursts, every: 2s, for: 2s }]\ntemplates: [{ name: one }]",
      /shorter than `every`/,
    ],
    [
      one("prompt_tokens: { min: 9, max: 3 }"),
      /s\.yaml:4: templates\.0\.prompt_tokens: the first number must not be above the second/,
    ],
    [one("prompt_tokens: many"), /must be one value, \{ min, max \}, or \{ median, p95 \}/],
    [one("session: { turns: { min: 5, max: 2 } }"), /templates\.0\.session\.turns: the first number/],
    [
      `door: http\n${one("deadline: 5s")}`,
      /s\.yaml:5: templates\.0\.deadline: cannot be said to OpenAI's API; give the template `door: topic`/,
    ],
    [`door: http-stream\n${one("kind: embeddings")}`, /embeddings are no stream/],
    [
      one("{ kind: embeddings, session: { turns: 2 } }").replace("name: one\n    {", "{ name: one,"),
      /embeddings have none/,
    ],
    [one("tier: small\n    model: gpt-4.1"), /keep one/],
    [`${BASE}templates: [{ name: one }, { name: one }]`, /templates\.1\.name: is the name of another template too/],
    [
      `${BASE}templates: [{ name: one }]\nfaults: [{ at: 1s, for: 1s, set: { fault_rat: 1 } }]`,
      /the mock model would refuse it: /,
    ],
    [
      `${BASE}templates: [{ name: one }]\nfaults: [{ at: 1s, for: 1s, set: { faults: [nonsense] } }]`,
      /unknown fault 'nonsense'/,
    ],
    [`${BASE}templates: [{ name: one }]\nfaults: [{ at: 1s, for: 1s, set: {} }]`, /must change something/],
  ];
  for (const [text, said] of wrong) {
    test(`that is wrong: ${said.source}`, () =>
      assert.throws(
        () => parseScenario(text, "s.yaml"),
        (error: { code?: string; message: string; fix?: string }) => {
          assert.equal(error.code, "usage");
          assert.match(error.message, said);
          assert.match(error.fix ?? "", /Correct s\.yaml/);
          return true;
        },
      ));
  }
});

describe("the built-in scenarios", () => {
  test("are those that the help names, and right", async () => {
    assert.deepEqual(await builtIns(), ["burst", "faults", "mixed", "ramp", "sessions", "soak", "steady"]);
    for (const name of await builtIns()) {
      const { scenario } = await readScenario(name);
      assert.ok(scenario.description, name);
    }
  });
  test("of faults: five minutes at 300 requests a second", async () => {
    const { scenario } = await readScenario("faults");
    const pieces = piecesOf(scenario.phases);
    assert.deepEqual([durationOf(pieces), peakOf(pieces)], [300_000, 300]);
    assert.ok(scenario.faults.length >= 4);
    assert.ok(scenario.faults.every((fault) => fault.at + fault.for <= 300_000));
  });
});
