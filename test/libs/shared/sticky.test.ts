/** A share of things by hash. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { stickyUnit } from "../../../libs/shared/sticky.ts";

describe("where something stands", () => {
  test("is the same each time, from 0 to below 1", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (parts) => {
        const unit = stickyUnit(parts);
        assert.ok(unit >= 0 && unit < 1);
        assert.equal(stickyUnit([...parts]), unit);
      }),
    );
  });

  test("is spread evenly: of a share of a tenth, about a tenth", () => {
    const units = Array.from({ length: 20_000 }, (_, index) => stickyUnit(["rollout", `user-${index}`]));
    const part = units.filter((unit) => unit < 0.1).length / units.length;
    assert.ok(Math.abs(part - 0.1) < 0.01, String(part));
  });

  test("depends on where a part ends: nothing in a name moves it into another's place", () => {
    assert.notEqual(stickyUnit(["ab", "c"]), stickyUnit(["a", "bc"]));
    assert.notEqual(stickyUnit(['a","b']), stickyUnit(["a", "b"]));
  });
});
