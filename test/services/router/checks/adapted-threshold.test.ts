/** How checked hits move a threshold. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { adaptedThreshold, type CheckedHit } from "../../../../services/router/checks/adapted-threshold.ts";

const settings = {
  max_error: 0.02,
  checks_min: 20,
  window: 200,
  threshold_lower_max: 0.05,
  threshold_raise_max: 0.15,
};
const BASE = 0.8;

const hits = (count: number, probability: number, same = true): CheckedHit[] =>
  Array.from({ length: count }, () => ({ probability, same }));
const threshold = (...checks: readonly CheckedHit[][]) => adaptedThreshold(BASE, checks.flat(), settings);

describe("the threshold", () => {
  const table: readonly (readonly [what: string, checks: CheckedHit[][], expected: number | undefined])[] = [
    ["stays without checks", [], BASE],
    ["stays with fewer than checks_min, be they all wrong", [hits(19, 0.9, false)], BASE],
    ["stays while all are right and too few to prove anything", [hits(148, 0.82)], BASE],
    ["stays for one wrong of many", [hits(199, 0.9), hits(1, 0.82, false)], BASE],
    ["goes down a step below what was proven", [hits(149, 0.805)], 0.795],
    ["feels its way down from where it is", [hits(149, 0.795)], 0.785],
    ["goes down to its floor and no further", [hits(149, 0.752)], 0.75],
    ["rises above what was wrong, to what kept to the bound", [hits(60, 0.9), hits(4, 0.82, false)], 0.9],
    ["rises as little as it must", [hits(60, 0.9), hits(10, 0.85), hits(4, 0.82, false)], 0.85],
    ["does not trust the few that stand above", [hits(16, 0.82), hits(4, 0.9), hits(3, 0.85, false)], undefined],
    ["is none where all were wrong", [hits(30, 0.9, false)], undefined],
    ["is none where only what is out of reach keeps to it", [hits(60, 0.97), hits(5, 0.9, false)], undefined],
    ["comes back up when what is below the fitted one is wrong", [hits(160, 0.85), hits(2, 0.77, false)], BASE],
  ];
  for (const [what, checks, expected] of table) {
    test(what, () => {
      const found = threshold(...checks);
      if (expected === undefined) assert.equal(found, undefined);
      else assert.ok(Math.abs((found ?? 0) - expected) < 1e-9, String(found));
    });
  }

  test("is none where the calibration promises none, whatever the checks say", () => {
    assert.equal(adaptedThreshold(undefined, hits(200, 0.9), settings), undefined);
  });

  test("counts the latest checks alone", () => {
    assert.equal(threshold(hits(50, 0.9, false), hits(100, 0.9), hits(100, 0.85)), BASE - 0);
  });
});

const check = fc.record({ probability: fc.double({ min: 0.7, max: 1, noNaN: true }), same: fc.boolean() });

describe("whatever the checks", () => {
  test("it stays within its bounds, and depends on the checks and not on their order", () => {
    fc.assert(
      fc.property(fc.array(check, { maxLength: 200 }), (checks) => {
        const found = adaptedThreshold(BASE, checks, settings);
        assert.equal(adaptedThreshold(BASE, checks.toReversed(), settings), found);
        if (found !== undefined) assert.ok(found >= 0.75 - 1e-9 && found <= 0.95 + 1e-9, String(found));
      }),
    );
  });

  test("above a threshold that was raised, no more are wrong than may be", () => {
    fc.assert(
      fc.property(fc.array(check, { maxLength: 200 }), (checks) => {
        const found = adaptedThreshold(BASE, checks, settings);
        if (found === undefined || found <= BASE) return;
        const above = checks.filter(({ probability }) => probability >= found);
        assert.ok(above.filter(({ same }) => !same).length <= settings.max_error * above.length);
      }),
    );
  });

  test("one more wrong answer never lowers it", () => {
    fc.assert(
      fc.property(fc.array(check, { minLength: 20, maxLength: 199 }), fc.nat(), (checks, at) => {
        const worse = checks.with(at % checks.length, { ...(checks[at % checks.length] as CheckedHit), same: false });
        const [before, after] = [adaptedThreshold(BASE, checks, settings), adaptedThreshold(BASE, worse, settings)];
        assert.ok((after ?? 2) >= (before ?? 2) - 1e-9, `${before} to ${after}`);
      }),
    );
  });
});
