import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FairQueue } from "../../../../libs/shared/kafka/fair-queue.ts";
import { Heap } from "../../../../libs/shared/kafka/heap.ts";

type Item = { readonly who: string; readonly rank: number; readonly arrival: number };

const NAMES = ["a", "b", "c", "d"];
const weights = fc.record({ a: fc.integer({ min: 1, max: 5 }), b: fc.integer({ min: 1, max: 5 }) });
const weightIn =
  (of: Readonly<Record<string, number>>) =>
  (name: string): number =>
    of[name] ?? 1;
const isBefore = (one: Item, other: Item): boolean =>
  one.rank === other.rank ? one.arrival < other.arrival : one.rank < other.rank;

function queueOf(of: Readonly<Record<string, number>>): FairQueue<Item> {
  return new FairQueue<Item>({ weightOf: weightIn(of), isBefore });
}

test("the heap gives in its order whatever was pushed, and keeps it over what is removed", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 100 }), fc.nat(5), (numbers, divisor) => {
      const heap = new Heap<number>((one, other) => one < other);
      for (const number of numbers) heap.push(number);
      const stays = (number: number): boolean => number % (divisor + 1) !== 0;
      const ascending = (one: number, other: number): number => one - other;
      assert.deepEqual(heap.retain(stays).sort(ascending), numbers.filter((one) => !stays(one)).sort(ascending));
      const out = numbers.filter(stays).map(() => heap.shift());
      assert.deepEqual(out, numbers.filter(stays).sort(ascending));
      assert.deepEqual([heap.shift(), heap.length], [undefined, 0]);
    }),
  );
});

const commands = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("push" as const), who: fc.constantFrom(...NAMES), rank: fc.nat(3) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("shift" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), who: fc.constantFrom(...NAMES) }) },
  ),
  { maxLength: 150 },
);

test("nothing is lost or doubled; each competitor's items come in their order; the empty are forgotten", () => {
  fc.assert(
    fc.property(commands, weights, (list, of) => {
      const queue = queueOf(of);
      let model: Item[] = [];
      for (const [arrival, command] of list.entries()) {
        if (command.kind === "push") {
          const item = { who: command.who, rank: command.rank, arrival };
          queue.push(item.who, item);
          model.push(item);
        } else if (command.kind === "shift") {
          const item = queue.shift();
          assert.equal(item === undefined, model.length === 0);
          if (item === undefined) continue;
          assert.ok(model.includes(item));
          assert.ok(!model.some((one) => one.who === item.who && isBefore(one, item)), "its owner's first");
          model = model.filter((one) => one !== item);
        } else {
          const removed = queue.retain(({ who, arrival: at }) => who !== command.who || at % 2 === 0);
          const gone = model.filter(({ who, arrival: at }) => who === command.who && at % 2 !== 0);
          assert.deepEqual(new Set(removed), new Set(gone));
          model = model.filter((item) => !gone.includes(item));
        }
        assert.equal(queue.length, model.length);
        assert.equal(queue.competitors, new Set(model.map(({ who }) => who)).size);
      }
    }),
  );
});

test("while two wait all along, what each got differs from its share by one turn's worth at most", () => {
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 60 }), (of, served) => {
      const queue = queueOf(of);
      for (let arrival = 0; arrival < 60; arrival += 1)
        for (const who of ["a", "b"]) queue.push(who, { who, rank: 0, arrival });
      const got: Record<string, number> = { a: 0, b: 0 };
      for (let count = 0; count < served; count += 1) {
        const who = queue.shift()?.who ?? "";
        got[who] = (got[who] ?? 0) + 1;
        // In rounds: service over weight (Shreedhar and Varghese, theorem on fairness, with packets of size 1).
        const apart = Math.abs((got["a"] ?? 0) / of.a - (got["b"] ?? 0) / of.b);
        assert.ok(apart <= 1, `after ${count + 1}: ${JSON.stringify(got)}`);
      }
    }),
  );
});

test("one that comes new waits one round at most, however much the others have", () => {
  fc.assert(
    fc.property(weights, fc.nat(40), (of, served) => {
      const queue = queueOf(of);
      for (let arrival = 0; arrival < 100; arrival += 1)
        for (const who of ["a", "b", "c"]) queue.push(who, { who, rank: 0, arrival });
      for (let count = 0; count < served; count += 1) queue.shift();
      queue.push("d", { who: "d", rank: 0, arrival: 1_000 });
      let before = 0;
      while (queue.shift()?.who !== "d") before += 1;
      assert.ok(before <= of.a + of.b + 1, `${before} went before it`);
    }),
  );
});
