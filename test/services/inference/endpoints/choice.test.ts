import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  adaptiveScores,
  type Candidate,
  Chooser,
  DEGRADED_SHARE,
  type Strategy,
} from "../../../../services/inference/endpoints/choice.ts";

const STRATEGIES: readonly Strategy[] = ["round_robin", "weighted", "least_in_flight", "peak_ewma", "adaptive"];

const candidate = (name: string, more: Partial<Candidate> = {}): Candidate => ({
  name,
  weight: 1,
  in_flight: 0,
  limit: 64,
  ewma_ms: 100,
  error_ratio: 0,
  health: "healthy",
  ...more,
});

/** Evenly spread over [0, 1), in an order that repeats: a stand-in for chance with exact shares. */
function even(): () => number {
  let step = 0;
  return () => {
    step += 1;
    return (step * 0.618_033_988_749_895) % 1;
  };
}

function shares(strategy: Strategy, candidates: readonly Candidate[], calls: number): Record<string, number> {
  const chooser = new Chooser(strategy);
  const random = even();
  const taken: Record<string, number> = {};
  for (let call = 0; call < calls; call += 1) {
    const { name } = chooser.choose(candidates, random);
    taken[name] = (taken[name] ?? 0) + 1 / calls;
  }
  return taken;
}

function names(strategy: Strategy, candidates: readonly Candidate[], calls: number): string {
  const chooser = new Chooser(strategy);
  return Array.from({ length: calls }, () => chooser.choose(candidates, () => 0).name).join("");
}

const near = (share: number | undefined, expected: number): void =>
  assert.ok(Math.abs((share ?? 0) - expected) < 0.03, `${share} is not near ${expected}`);

describe("strategies", () => {
  test("round robin takes them in turn, also when one was away", () => {
    const [a, b, c] = [candidate("a"), candidate("b"), candidate("c")];
    assert.equal(names("round_robin", [a, b, c], 6), "abcabc");
    const chooser = new Chooser("round_robin");
    const taken = [
      [a, b, c],
      [a, b, c],
      [a, b],
      [a, b, c],
      [a, b, c],
    ].map((some) => chooser.choose(some, () => 0).name);
    assert.deepEqual(taken, ["a", "b", "a", "c", "b"]);
  });

  test("weighted spreads the turns of a heavy one, as nginx does", () => {
    const all = [candidate("a", { weight: 5 }), candidate("b"), candidate("c")];
    assert.equal(names("weighted", all, 7), "aabacaa");
  });

  test("weighted keeps the shares exactly over a round", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(weights, (all) => {
        const round = all.reduce((sum, weight) => sum + weight, 0);
        const candidates = all.map((weight, index) => candidate(String(index), { weight }));
        const taken = names("weighted", candidates, round);
        for (const [index, weight] of all.entries()) {
          assert.equal([...taken].filter((name) => name === String(index)).length, weight);
        }
      }),
    );
  });

  test("least in flight takes the emptiest; a tie falls by chance", () => {
    const all = [candidate("a", { in_flight: 2 }), candidate("b", { in_flight: 1 }), candidate("c", { in_flight: 1 })];
    const taken = shares("least_in_flight", all, 1_000);
    assert.equal(taken["a"], undefined);
    near(taken["b"], 0.5);
  });

  test("peak EWMA takes the cheaper of two: latency × (in flight + 1)", () => {
    const slow = candidate("slow", { ewma_ms: 1_000 });
    assert.deepEqual(Object.keys(shares("peak_ewma", [slow, candidate("fast", { in_flight: 8 })], 100)), ["fast"]);
    assert.deepEqual(Object.keys(shares("peak_ewma", [slow, candidate("full", { in_flight: 10 })], 100)), ["slow"]);
  });

  test("peak EWMA never takes the worst of three, and shares among equals", () => {
    const worst = candidate("worst", { ewma_ms: 5_000 });
    assert.equal(
      shares("peak_ewma", [candidate("a"), worst, candidate("b", { ewma_ms: 101 })], 1_000)["worst"],
      undefined,
    );
    near(shares("peak_ewma", [candidate("a"), candidate("b"), candidate("c")], 3_000)["b"], 1 / 3);
  });

  test("peak EWMA gives an unknown endpoint one call and waits for its answer", () => {
    const unknown = candidate("new", { ewma_ms: undefined });
    assert.deepEqual(Object.keys(shares("peak_ewma", [candidate("a"), unknown], 100)), ["new"]);
    const asked = candidate("new", { ewma_ms: undefined, in_flight: 1 });
    assert.deepEqual(Object.keys(shares("peak_ewma", [candidate("a"), asked], 100)), ["a"]);
  });

  test("adaptive scores by weight, latency, errors and room", () => {
    const base = candidate("base");
    const cases: readonly (readonly [Partial<Candidate>, number])[] = [
      [{}, 1],
      [{ weight: 3 }, 3],
      [{ ewma_ms: 400 }, 0.25],
      [{ ewma_ms: undefined }, 1],
      [{ error_ratio: 0.5 }, 0.25],
      [{ in_flight: 32 }, 0.5],
      [{ error_ratio: 1 }, 0.01],
      [{ in_flight: 64, weight: 2 }, 0.02],
    ];
    for (const [more, score] of cases) assert.deepEqual(adaptiveScores([base, candidate("x", more)]), [1, score]);
    assert.deepEqual(adaptiveScores([candidate("x", { ewma_ms: undefined })]), [1]);
  });

  test("adaptive shares in proportion to the scores", () => {
    const taken = shares(
      "adaptive",
      [candidate("a", { weight: 3 }), candidate("b", { ewma_ms: 200, weight: 2 })],
      2_000,
    );
    near(taken["a"], 0.75);
    near(taken["b"], 0.25);
  });
});

describe("health", () => {
  test("degraded ones get their share while a healthy one has room", () => {
    for (const strategy of STRATEGIES) {
      const taken = shares(strategy, [candidate("good"), candidate("poor", { health: "degraded" })], 1_000);
      near(taken["poor"], DEGRADED_SHARE);
    }
  });

  test("unhealthy ones are taken only when there is nothing else", () => {
    const ill = candidate("ill", { health: "unhealthy" });
    for (const strategy of STRATEGIES) {
      assert.equal(shares(strategy, [candidate("good"), ill], 100)["ill"], undefined);
      assert.equal(shares(strategy, [candidate("poor", { health: "degraded" }), ill], 100)["ill"], undefined);
      near(shares(strategy, [ill], 100)["ill"], 1);
    }
  });
});

test("every strategy takes one of the candidates, and of the best health unless chance says degraded", () => {
  const candidates = fc.uniqueArray(
    fc.record({
      name: fc.string({ maxLength: 3 }),
      weight: fc.integer({ min: 1, max: 10 }),
      in_flight: fc.nat(100),
      limit: fc.nat(100),
      ewma_ms: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
      error_ratio: fc.double({ min: 0, max: 1, noNaN: true }),
      health: fc.constantFrom("healthy" as const, "degraded" as const, "unhealthy" as const),
    }),
    { minLength: 1, maxLength: 5, selector: ({ name }) => name },
  );
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.constantFrom(...STRATEGIES), candidates, random, (strategy, all, chance) => {
      const chosen = new Chooser(strategy).choose(all, () => chance);
      assert.ok(all.includes(chosen));
      const present = new Set(all.map(({ health }) => health));
      if (chosen.health === "unhealthy") assert.equal(present.size, 1);
      if (chosen.health === "degraded" && present.has("healthy")) assert.ok(chance < DEGRADED_SHARE);
    }),
  );
});
