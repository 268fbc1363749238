/** How evenly hashing divides. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../../../../tools/simulate/random.ts";
import { cellOf, movedByOneMore, placed, spread, zipfShares } from "../../../../tools/simulate/spread/spread.ts";

const chance = new Random(3);
const random = (): number => chance.next();

describe("a spread", () => {
  test("of very many alike is even", () => {
    const { fullest_p50, largest_share } = spread({ bins: 4, members: 100_000, zipf: 0, runs: 5, random });
    assert.ok(fullest_p50 < 1.02, String(fullest_p50));
    assert.equal(largest_share, 1e-5);
  });

  test("is bound by its largest member", () => {
    const { fullest_p50, largest_share } = spread({ bins: 100, members: 50, zipf: 1, runs: 20, random });
    assert.ok(fullest_p50 >= largest_share * 100 - 1e-9);
  });

  test("by a table is as even as the largest allows", () => {
    assert.ok(placed(10, zipfShares(1_000, 0)) < 1 + 1e-9);
    assert.ok(Math.abs(placed(2, Float64Array.of(0.6, 0.3, 0.1)) - 1.2) < 1e-9);
  });
});

test("shares are one in all, the largest first", () => {
  const shares = zipfShares(1_000, 1);
  assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  assert.ok(Math.abs((shares[0] ?? 0) / (shares[9] ?? 1) - 10) < 1e-9);
});

test("a cell more takes its part of the tenants, and moves no other", () => {
  const hash = (text: string): number =>
    ([...text].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0, 7) * 2_654_435_761) %
    4_294_967_296;
  const tenants = Array.from({ length: 500 }, (_, at) => `t${at}`);
  const cells = ["a", "b", "c", "d"];
  for (const tenant of tenants) {
    const [before, after] = [cellOf(tenant, cells, hash), cellOf(tenant, [...cells, "e"], hash)];
    assert.ok(after === before || after === "e");
  }
  const moved = movedByOneMore(tenants, cells, "e", hash);
  assert.ok(moved > 0.05 && moved < 0.45, String(moved));
});
