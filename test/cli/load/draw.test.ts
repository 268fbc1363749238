/** What is drawn: by the seed alone, in the shares and sizes that the scenario says. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { amountOf, drawVisit } from "../../../cli/load/draw.ts";
import { promptText } from "../../../cli/load/prompt.ts";
import { type Amount, parseScenario } from "../../../cli/load/scenario.ts";
import { countTokens } from "../../../tools/mock-llm/tokens.ts";
import { Random } from "../../../tools/simulate/random.ts";

const scenario = parseScenario(
  `
phases: [{ duration: 10s, rate: 5 }]
templates:
  - { name: often, weight: 3, prompt_tokens: 60, repeated: { share: 0.5, of: 10 } }
  - { name: seldom, weight: 1, session: { turns: { min: 2, max: 4 }, think: 2s } }`,
  "s.yaml",
);
const visits = Array.from({ length: 4_000 }, (_, index) => drawVisit(scenario, "run", index));

describe("visits", () => {
  test("repeat by their number, and differ by the seed", () => {
    assert.deepEqual(drawVisit(scenario, "run", 17), visits[17]);
    const other = visits.filter(
      ({ index }) => drawVisit({ ...scenario, seed: 2 }, "run", index).template.name !== visits[index]?.template.name,
    );
    assert.ok(other.length > 500);
  });

  test("have the weights of their templates", () => {
    const often = visits.filter(({ template }) => template.name === "often").length / visits.length;
    assert.ok(Math.abs(often - 0.75) < 0.03, String(often));
  });

  test("ask so large a share again, of so many prompts, in this run alone", () => {
    const prompts = visits
      .filter(({ template }) => template.name === "often")
      .map(({ turns }) => turns[0]?.prompt ?? "");
    const counts = Map.groupBy(prompts, (prompt) => prompt);
    const again = [...counts.values()].filter(({ length }) => length > 1);
    assert.equal(again.length, 10);
    const share = again.reduce((sum, { length }) => sum + length, 0) / prompts.length;
    assert.ok(Math.abs(share - 0.5) < 0.04, String(share));
    const elsewhere = new Set(visits.map(({ index }) => drawVisit(scenario, "other", index).turns[0]?.prompt));
    assert.ok(prompts.every((prompt) => !elsewhere.has(prompt)));
  });

  test("of sessions have turns, with a think time before each but the first", () => {
    const sessions = visits.filter(({ template }) => template.session !== undefined);
    assert.deepEqual([...new Set(sessions.map(({ turns }) => turns.length))].sort(), [2, 3, 4]);
    for (const { turns } of sessions) {
      assert.deepEqual(
        turns.map(({ think_ms }) => think_ms),
        [0, ...turns.slice(1).map(() => 2_000)],
      );
    }
  });
});

describe("an amount", () => {
  const anyAmount = fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 0, max: 1_000 }), fc.boolean());
  test("lies where it may", () => {
    fc.assert(
      fc.property(anyAmount, fc.integer(), ([low, more, is_range], seed) => {
        const amount: Amount = is_range ? { min: low, max: low + more } : { median: low, p95: low + more };
        const value = amountOf(amount, new Random(seed));
        assert.ok(value > 0 && value <= (is_range ? low + more : 2 * (low + more)));
      }),
    );
  });
  test("that is log-normal has its median and its 95th percentile", () => {
    const random = new Random(3);
    const values = Array.from({ length: 20_000 }, () => amountOf({ median: 100, p95: 300 }, random));
    const below = (limit: number): number => values.filter((value) => value < limit).length / values.length;
    assert.ok(Math.abs(below(100) - 0.5) < 0.02);
    assert.ok(Math.abs(below(300) - 0.95) < 0.01);
  });
});

test("a prompt has about the tokens that it should", () => {
  for (const tokens of [20, 100, 5_000]) {
    const counted = countTokens(promptText("run 17.0", tokens, new Random(1)));
    assert.ok(Math.abs(counted - tokens) <= 2, `${counted} of ${tokens}`);
  }
});
