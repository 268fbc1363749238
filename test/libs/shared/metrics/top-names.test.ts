/** Who has a label of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OTHER, TopNames } from "../../../../libs/shared/metrics/top-names.ts";

test("the first ones have labels, others only by using more than one of them", () => {
  const top = new TopNames(2);
  assert.deepEqual(top.add("a", 5), { label: "a" });
  assert.deepEqual(top.add("b", 2), { label: "b" });
  assert.deepEqual(top.add("c", 2), { label: OTHER });
  assert.deepEqual(top.add("c", 1), { label: "c", lost: "b" });
  assert.deepEqual(top.add("b", 0.5), { label: OTHER });
  assert.deepEqual([...top.labelled].sort(), ["a", "c"]);
});

test("with none allowed all are one, and nothing is counted", () => {
  const top = new TopNames(0);
  assert.deepEqual(top.add("a", 1), { label: OTHER });
  assert.equal(top.counted, 0);
});

test("a crowd of names that come once takes no label and no memory", () => {
  const top = new TopNames(3);
  for (const name of ["a", "b", "c"]) for (let at = 0; at < 10; at += 1) top.add(name, 1);
  for (let at = 0; at < 5_000; at += 1) assert.equal(top.add(`once-${at}`, 1).label, OTHER);
  assert.deepEqual([...top.labelled].sort(), ["a", "b", "c"]);
  assert.ok(top.counted <= 24);
});

test("who was heaviest long ago gives way", () => {
  const top = new TopNames(1);
  top.add("old", 10_000);
  let label = OTHER;
  for (let at = 0; at < 80_000 && label === OTHER; at += 1) label = top.add("new", 1).label;
  assert.equal(label, "new");
});

const NAMES = fc.constantFrom(..."abcdefghij");
const USES = fc.array(fc.tuple(NAMES, fc.integer({ min: 1, max: 20 })), { maxLength: 300 });

test("property: bounded, one label changes hands at a time, and who is among the top keeps its label", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), USES, (labels_max, uses) => {
      const top = new TopNames(labels_max);
      const used = new Map<string, number>();
      for (const [name, weight] of uses) {
        const before = new Set(top.labelled);
        const { label, lost } = top.add(name, weight);
        used.set(name, (used.get(name) ?? 0) + weight);
        assert.ok(top.labelled.size <= labels_max && top.counted <= labels_max * 8);
        assert.equal(label === OTHER, !top.labelled.has(name));
        const gone = [...before].filter((other) => !top.labelled.has(other));
        assert.deepEqual(gone, lost === undefined ? [] : [lost]);
        if (lost === undefined) continue;
        const heavier = [...used].filter(([other, use]) => other !== lost && use >= (used.get(lost) as number));
        // Ten names are counted exactly: whoever lost its label is not among the top.
        assert.ok(heavier.length >= labels_max, `${lost} lost its label among the top`);
      }
    }),
  );
});
