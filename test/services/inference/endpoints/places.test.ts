import assert from "node:assert/strict";
import { test } from "node:test";
import { placesFor, type Standing } from "../../../../services/inference/endpoints/places.ts";

const NOW_MS = 1_000;

const standing = (name: string, more: Partial<Standing> = {}): Standing => ({
  name,
  weight: 1,
  in_flight: 0,
  limit: 2,
  ewma_ms: 100,
  error_ratio: 0,
  health: "healthy",
  admits: true,
  resting_until_ms: 0,
  ...more,
});

const OPEN = { admits: false };
const FULL = { in_flight: 2 };
const ILL = { health: "unhealthy" } as const;
const RESTS = { resting_until_ms: NOW_MS + 1 };

type Row = readonly [what: string, a: Partial<Standing>, b: Partial<Standing>, avoid: string[], expected: string];

const TABLE: readonly Row[] = [
  ["both ready", {}, {}, [], "a b"],
  ["a full one is left out", FULL, {}, [], "b"],
  ["a limit between two numbers is the lower", { in_flight: 2, limit: 2.9 }, {}, [], "b"],
  ["both full", FULL, FULL, [], "concurrency"],
  ["a breaker open", OPEN, {}, [], "b"],
  ["every breaker open", OPEN, OPEN, [], "breaker"],
  ["an open breaker beside a full one", OPEN, FULL, [], "concurrency"],
  ["one ill", ILL, {}, [], "b"],
  ["one ill, the other full", ILL, FULL, [], "concurrency"],
  ["one ill, the other rests", ILL, RESTS, [], "limit"],
  ["one ill, the other's breaker open", ILL, OPEN, [], "a"],
  ["a degraded one stands by", { health: "degraded" }, FULL, [], "a"],
  ["one rests", RESTS, {}, [], "b"],
  ["both rest", RESTS, RESTS, [], "limit"],
  ["one to avoid", {}, {}, ["a"], "b"],
  ["one to avoid, the other full", {}, FULL, ["a"], "concurrency"],
  ["one to avoid, the other rests", {}, RESTS, ["a"], "a"],
  ["one to avoid, the other ill", {}, ILL, ["a"], "a"],
  ["both to avoid", {}, {}, ["a", "b"], "a b"],
];

for (const [what, a, b, avoid, expected] of TABLE) {
  test(what, () => {
    const places = placesFor([standing("a", a), standing("b", b)], new Set(avoid), NOW_MS);
    const said = places.kind === "wait" ? places.reason : places.candidates.map(({ name }) => name).join(" ");
    assert.equal(said, expected);
  });
}
