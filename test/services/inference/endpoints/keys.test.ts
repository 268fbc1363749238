import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KEY_REFUSED_MS, Keys } from "../../../../services/inference/endpoints/keys.ts";

const take = (keys: Keys, calls: number, now_ms: number): number[] =>
  Array.from({ length: calls }, () => keys.take(now_ms));

test("keys are used in turn", () => {
  assert.deepEqual(take(new Keys(3), 6, 0), [0, 1, 2, 0, 1, 2]);
});

test("a refused key is left out for a while", () => {
  const keys = new Keys(2);
  keys.refused(0, 1_000);
  assert.equal(keys.alive(1_000), 1);
  assert.deepEqual(take(keys, 3, 1_000 + KEY_REFUSED_MS - 1), [1, 1, 1]);
  assert.equal(keys.alive(1_000 + KEY_REFUSED_MS), 2);
  assert.deepEqual(new Set(take(keys, 2, 1_000 + KEY_REFUSED_MS)), new Set([0, 1]));
});

test("a refused key whose call is answered after all is in order", () => {
  const keys = new Keys(1);
  keys.refused(0, 0);
  keys.accepted(0);
  assert.equal(keys.alive(1), 1);
});

test("when all are refused, the one refused first is tried", () => {
  const keys = new Keys(3);
  keys.refused(1, 10);
  keys.refused(0, 20);
  keys.refused(2, 30);
  assert.equal(keys.alive(40), 0);
  assert.deepEqual(take(keys, 2, 40), [1, 1]);
});

test("a key that rests gives way; when all rest, the endpoint is ready with the first", () => {
  const keys = new Keys(2);
  keys.rest(0, 500);
  assert.ok(keys.readyAt_ms(100) <= 100);
  assert.deepEqual(take(keys, 2, 100), [1, 1]);
  keys.rest(1, 300);
  assert.equal(keys.readyAt_ms(100), 300);
  keys.rest(1, 200);
  assert.equal(keys.readyAt_ms(100), 300, "a shorter rest does not end a longer one");
  keys.refused(1, 100);
  assert.equal(keys.readyAt_ms(100), 500, "a refused key is not waited for");
});

test("no key that is refused or rests is taken while another is free", () => {
  const event = fc.record({
    at_ms: fc.integer({ min: 0, max: KEY_REFUSED_MS * 2 }),
    key: fc.integer({ min: 0, max: 3 }),
    what: fc.constantFrom("refused" as const, "rest" as const, "take" as const),
  });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const keys = new Keys(4);
      const busy_until_ms = [0, 0, 0, 0];
      for (const { at_ms, key, what } of events.sort((a, b) => a.at_ms - b.at_ms)) {
        if (what === "take") {
          const taken = keys.take(at_ms);
          const free = busy_until_ms.some((until_ms) => until_ms <= at_ms);
          assert.ok(!free || (busy_until_ms[taken] ?? 0) <= at_ms);
          continue;
        }
        const until_ms = what === "refused" ? at_ms + KEY_REFUSED_MS : at_ms + 1_000;
        if (what === "refused") keys.refused(key, at_ms);
        else keys.rest(key, until_ms);
        busy_until_ms[key] = Math.max(busy_until_ms[key] ?? 0, until_ms);
      }
    }),
  );
});
