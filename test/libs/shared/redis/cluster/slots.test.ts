import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SLOTS, slotOf, slotTags } from "../../../../../libs/shared/redis/cluster/slots.ts";

test("slots are those of the specification", () => {
  assert.equal(slotOf("123456789"), 0x31c3);
  assert.equal(slotOf(""), 0);
  assert.equal(slotOf("{user1000}.following"), slotOf("{user1000}.followers"));
  assert.equal(slotOf("foo{{bar}}zap"), slotOf("{bar"));
  assert.equal(slotOf("foo{bar}{zap}"), slotOf("bar"));
  assert.notEqual(slotOf("foo{}{bar}"), slotOf("bar"));
});

test("each slot has a tag of its own, which any name may stand before and behind", () => {
  const tags = slotTags();
  assert.equal(new Set(tags).size, SLOTS);
  fc.assert(
    fc.property(fc.nat(SLOTS - 1), fc.stringMatching(/^[a-z.:-]*$/), fc.string(), (slot, before, behind) => {
      assert.equal(slotOf(`${before}${tags[slot]}${behind}`), slot);
    }),
  );
});
