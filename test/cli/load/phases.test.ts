/** Phases as pieces, arrivals along them, and scaling: by tables and properties. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { arrivals } from "../../../cli/load/arrivals.ts";
import { durationOf, type Piece, peakOf, piecesOf, scaled, totalOf } from "../../../cli/load/phases.ts";
import { type Phase, parseScenario } from "../../../cli/load/scenario.ts";

const phase = (of: Partial<Phase>): Phase => ({ duration: 10_000, rate: 10, pattern: "linear", ...of });

describe("phases", () => {
  const table: readonly (readonly [name: string, phase: Phase, total: number, peak: number])[] = [
    ["flat", phase({}), 100, 10],
    ["rising", phase({ to: 30 }), 200, 30],
    ["in steps", phase({ pattern: "steps", to: 30, steps: 3 }), 200, 30],
    ["a wave", phase({ pattern: "wave", to: 30 }), 200, 30],
    ["with bursts", phase({ pattern: "bursts", to: 50, every: 5_000, for: 1_000 }), 180, 50],
    [
      "with a burst that is cut off",
      phase({ pattern: "bursts", to: 50, every: 6_000, for: 3_000 }),
      10 * 6 + 50 * 4,
      50,
    ],
  ];
  for (const [name, one, total, peak] of table) {
    test(name, () => {
      const pieces = piecesOf([one]);
      assert.ok(Math.abs(totalOf(pieces) - total) < 1e-6, String(totalOf(pieces)));
      assert.equal(Math.round(durationOf(pieces)), 10_000);
      assert.ok(Math.abs(peakOf(pieces) - peak) < 1e-9);
    });
  }
});

const anyPiece: fc.Arbitrary<Piece> = fc.record({
  duration_ms: fc.integer({ min: 1, max: 20_000 }),
  from: fc.double({ min: 0, max: 100, noNaN: true }),
  to: fc.double({ min: 0, max: 100, noNaN: true }),
});

describe("arrivals", () => {
  test("rise, lie within the phases, and are as many as the rates say", () => {
    fc.assert(
      fc.property(fc.array(anyPiece, { minLength: 1, maxLength: 5 }), (pieces) => {
        const times = [...arrivals(pieces, "uniform", 1)];
        assert.ok(times.every((time, index) => time >= (times[index - 1] ?? 0) && time <= durationOf(pieces) + 1e-6));
        assert.ok(Math.abs(times.length - totalOf(pieces)) <= 0.5 + 1e-6);
      }),
    );
  });

  test("of one rate are evenly apart", () => {
    const times = [...arrivals(piecesOf([phase({})]), "uniform", 1)];
    assert.deepEqual(times.slice(0, 3), [50, 150, 250]);
    assert.equal(times.length, 100);
  });

  test("of a ramp stand where the area under it is whole", () => {
    const pieces: Piece[] = [{ duration_ms: 10_000, from: 0, to: 20 }];
    for (const [index, time] of [...arrivals(pieces, "uniform", 1)].entries()) {
      assert.ok(Math.abs((time / 1_000) ** 2 - (index + 0.5)) < 1e-6);
    }
  });

  test("of a Poisson process vary as one does, and repeat by their seed", () => {
    const pieces = piecesOf([phase({ duration: 1_000_000, rate: 5, to: 15 })]);
    const times = [...arrivals(pieces, "poisson", 7)];
    assert.deepEqual(times, [...arrivals(pieces, "poisson", 7)]);
    assert.notDeepEqual(times, [...arrivals(pieces, "poisson", 8)]);
    // 10,000 expected, a standard deviation of 100; twice as many in the later half as 7.5 to 12.5.
    assert.ok(Math.abs(times.length - 10_000) < 500, String(times.length));
    const later = times.filter((time) => time > 500_000).length / times.length;
    assert.ok(Math.abs(later - 0.625) < 0.02, String(later));
    const even = [...arrivals(piecesOf([phase({ duration: 1_000_000 })]), "poisson", 7)];
    const gaps = even.slice(1).map((time, index) => time - (even[index] as number));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    assert.ok(Math.abs(Math.sqrt(variance) / mean - 1) < 0.05);
  });
});

describe("scaling", () => {
  const scenario = parseScenario(
    `
phases: [{ duration: 20s, rate: 10, to: 40 }, { duration: 20s, rate: 5, to: 20, pattern: bursts, every: 5s, for: 1s }]
templates: [{ name: one }]
faults: [{ at: 10s, for: 4s, set: { fault_rate: 0.5 } }]`,
    "s.yaml",
  );
  test("keeps the shape", () => {
    const small = scaled(scenario, { duration_ms: 10_000, rate: 4 });
    const [pieces, before] = [piecesOf(small.phases), piecesOf(scenario.phases)];
    assert.ok(Math.abs(durationOf(pieces) - 10_000) < 1e-6);
    assert.ok(Math.abs(peakOf(pieces) - 4) < 1e-9);
    assert.ok(Math.abs(totalOf(pieces) - totalOf(before) / 40) < 1e-6);
    assert.deepEqual(
      small.faults.map(({ at, for: lasting }) => [at, lasting]),
      [[2_500, 1_000]],
    );
  });
  test("by nothing changes nothing", () => assert.deepEqual(scaled(scenario, {}), scenario));
});
