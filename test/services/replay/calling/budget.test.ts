/** What a replay may spend: never over, in order, and always to an end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ReplayBudget } from "../../../../services/replay/calling/budget.ts";

const START = { budget_nusd: 100, spent_nusd: 0, held_nusd: 0, in_flight_max: 4 };
const NEVER = new AbortController().signal;

async function turns(): Promise<void> {
  for (let at = 0; at < 20; at += 1) await Promise.resolve();
}

/** What a promise has come to so far. */
function watch<T>(promise: Promise<T>): { value?: T } {
  const seen: { value?: T } = {};
  void promise.then((value) => {
    seen.value = value;
  });
  return seen;
}

describe("a replay's budget", () => {
  test("holds what a record may cost, and what is not spent of it is there for the next", async () => {
    const budget = new ReplayBudget(START);
    assert.equal(await budget.begin(60, NEVER), "begun");
    const second = watch(budget.begin(60, NEVER));
    await turns();
    assert.equal(second.value, undefined, "it waits for the first");
    budget.settle(60, 10);
    await turns();
    assert.equal(second.value, "begun");
    assert.deepEqual([budget.spent_nusd, budget.held_nusd], [10, 60]);
  });

  test("is used where nothing is in hand that could make room; then nothing is begun, be it small", async () => {
    const budget = new ReplayBudget({ ...START, spent_nusd: 50 });
    assert.equal(await budget.begin(51, NEVER), "used");
    assert.equal(budget.refused_nusd, 51);
    assert.equal(await budget.begin(1, NEVER), "used");
  });

  test("counts what an earlier run spent and holds", async () => {
    const budget = new ReplayBudget({ ...START, spent_nusd: 50, held_nusd: 30 });
    assert.equal(await budget.begin(20, NEVER), "begun");
    budget.settle(20, 20);
    assert.equal(await budget.begin(1, NEVER), "used");
  });

  test("lets those go on whose money is held already, whatever is left", async () => {
    const budget = new ReplayBudget({ ...START, spent_nusd: 70, held_nusd: 30 });
    assert.equal(await budget.begin(0, NEVER), "begun");
    budget.settle(30, 5);
    assert.equal(await budget.begin(25, NEVER), "begun");
  });

  test("gives no more places than it has", async () => {
    const budget = new ReplayBudget({ ...START, in_flight_max: 1 });
    assert.equal(await budget.begin(1, NEVER), "begun");
    const second = watch(budget.begin(1, NEVER));
    await turns();
    assert.equal(second.value, undefined);
    budget.leave();
    await turns();
    assert.equal(second.value, "begun");
  });

  test("one that stops is begun no more, and the next one has its turn", async () => {
    const budget = new ReplayBudget(START);
    const stopping = new AbortController();
    assert.equal(await budget.begin(80, NEVER), "begun");
    const large = watch(budget.begin(90, stopping.signal));
    stopping.abort();
    await turns();
    assert.equal(large.value, "stopping");
    assert.equal(await budget.begin(20, NEVER), "begun");
    assert.equal(await budget.begin(1, AbortSignal.abort()), "stopping");
  });

  test("where all in hand want more and nothing fits, the latest is refused and makes room", async () => {
    const budget = new ReplayBudget(START);
    await budget.begin(50, NEVER);
    await budget.begin(50, NEVER);
    const first = watch(budget.extend(50));
    await turns();
    assert.equal(first.value, undefined, "the other one may still end");
    assert.equal(await budget.extend(50), false);
    budget.settle(50, 0);
    await turns();
    assert.equal(first.value, true);
    assert.equal(await budget.begin(0, NEVER), "used", "nothing is begun after a refusal");
  });

  test("never holds and spends more than it has, begins in order, ends, and comes close", async () => {
    const record = fc.record({
      most: fc.integer({ min: 1, max: 40 }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      unknown: fc.integer({ min: 0, max: 2 }),
      turns: fc.integer({ min: 0, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 40 }),
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 1, max: 8 }),
        async (records, budget_nusd, in_flight_max) => {
          const budget = new ReplayBudget({ budget_nusd, spent_nusd: 0, held_nusd: 0, in_flight_max });
          const begun: number[] = [];
          let refused: number | undefined;
          const check = (): void => {
            assert.ok(budget.spent_nusd + budget.held_nusd <= budget_nusd, "never over");
            assert.ok(budget.in_flight <= in_flight_max);
          };
          await Promise.all(
            records.map(async ({ most, part, unknown, turns: waits }, at) => {
              if ((await budget.begin(most, NEVER)) !== "begun") {
                refused ??= most;
                return;
              }
              begun.push(at);
              check();
              let held = most;
              for (let call = 0; call < unknown; call += 1) {
                for (let turn = 0; turn < waits; turn += 1) await Promise.resolve();
                if (!(await budget.extend(most))) {
                  // Its lost calls count as much as they may have cost.
                  budget.settle(held, held);
                  refused ??= most;
                  return;
                }
                held += most;
                check();
              }
              budget.settle(held, unknown * most + Math.floor(most * part));
              check();
            }),
          );
          assert.equal(budget.in_flight, 0);
          assert.equal(budget.held_nusd, 0);
          assert.deepEqual(begun, [...begun.keys()], "in order, with no gap");
          if (refused !== undefined) assert.ok(budget.refused_nusd !== undefined);
          const some_lost = records.some(({ unknown }) => unknown > 0);
          if (refused !== undefined && !some_lost)
            assert.ok(budget_nusd - budget.spent_nusd < refused, "it comes close");
        },
      ),
    );
  });
});
