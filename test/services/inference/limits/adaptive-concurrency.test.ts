/** Room for calls to an endpoint, in virtual time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AdaptiveConcurrency } from "../../../../services/inference/limits/adaptive-concurrency.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const SETTINGS = { min: 4, decrease: 0.7, latency_factor: 5 };
const NEVER = new AbortController().signal;
const bounds = (until_ms = START_MS + 3_600_000, signal = NEVER) => ({ until_ms, signal });

function setUp(max: number, waiting_max?: number) {
  const clock = new VirtualClock();
  const room = new AdaptiveConcurrency({
    settings: SETTINGS,
    max,
    clock,
    ...(waiting_max === undefined ? {} : { waiting_max }),
  });
  const heard: string[] = [];
  const acquire = (name: string, given = bounds()): void => {
    void room.acquire(given).then((grant) => heard.push(`${name} ${grant}`));
  };
  return { clock, room, heard, acquire, run: (ms: number) => clock.run(() => false, START_MS + ms) };
}

describe("room for calls", () => {
  test("goes to those that wait, in their order", async () => {
    const { clock, room, heard, acquire, run } = setUp(2);
    for (const name of ["a", "b", "c", "d"]) acquire(name);
    assert.equal(room.waiting, 2);
    clock.after(10, () => room.release("answered", 10));
    clock.after(20, () => room.release(undefined, 0));
    await run(15);
    assert.deepEqual(heard, ["a granted", "b granted", "c granted"]);
    await run(25);
    assert.deepEqual(heard.slice(3), ["d granted"]);
    assert.equal(room.in_flight, 2);
    assert.equal(room.waiting, 0);
  });

  test("is refused at the time, on the signal, and past the bound", async () => {
    const { clock, room, heard, acquire, run } = setUp(1, 2);
    const abort = new AbortController();
    acquire("holder");
    acquire("late", bounds(START_MS + 50));
    acquire("aborted", bounds(undefined, abort.signal));
    acquire("too many");
    acquire("over", bounds(START_MS));
    clock.after(20, () => abort.abort());
    await run(30);
    assert.deepEqual(heard, ["holder granted", "too many refused", "over refused", "aborted refused"]);
    await run(60);
    assert.deepEqual(heard.slice(4), ["late refused"]);
    room.release("answered", 60);
    assert.deepEqual([room.in_flight, room.waiting], [0, 0]);
    acquire("next");
    assert.equal(room.in_flight, 1);
  });

  test("a time without end is no timer that fires at once", async () => {
    const { heard, acquire, run } = setUp(1);
    acquire("holder");
    acquire("patient", bounds(Number.POSITIVE_INFINITY));
    await run(86_400_000);
    assert.deepEqual(heard, ["holder granted"]);
  });

  test("settles around what the backend bears", async () => {
    const CAPACITY = 20;
    const { clock, room } = setUp(64);
    let serving = 0;
    let calls = 0;
    let refusals = 0;
    const limits: number[] = [];
    const caller = async (): Promise<void> => {
      for (;;) {
        await room.acquire(bounds(Number.POSITIVE_INFINITY));
        calls += 1;
        const accepted = serving < CAPACITY;
        if (accepted) serving += 1;
        else refusals += 1;
        // Answers take their time and vary; a refusal comes quickly.
        const latency_ms = accepted ? 200 + ((calls * 37) % 200) : 5;
        await new Promise<void>((resolve) => void clock.after(latency_ms, resolve));
        if (accepted) serving -= 1;
        room.release(accepted ? "answered" : "overloaded", latency_ms);
        if (clock.now_ms() > START_MS + 30_000) limits.push(room.limit);
      }
    };
    for (let at = 0; at < 100; at += 1) void caller();
    await clock.run(() => false, START_MS + 180_000);
    const mean = limits.reduce((sum, limit) => sum + limit, 0) / limits.length;
    assert.ok(mean > 0.75 * CAPACITY && mean <= CAPACITY + 1, `${mean}`);
    assert.ok(Math.max(...limits) <= CAPACITY + 2, `${Math.max(...limits)}`);
    assert.ok(Math.min(...limits) >= CAPACITY / 2, `${Math.min(...limits)}`);
    assert.ok(refusals / calls < 0.05, `${refusals} of ${calls}`);
  });
});
