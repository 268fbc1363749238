/** Callers that wait, in virtual time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WaitingCallers } from "../../../services/gateway/waiting.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

const NEVER = async (): Promise<undefined> => undefined;

/** Runs virtual time until the wait ends; returns its result and when that was. */
async function settle(clock: VirtualClock, result: Promise<string | undefined>) {
  let ended: { readonly result: string | undefined; readonly at_ms: number } | undefined;
  void result.then((value) => {
    ended = { result: value, at_ms: clock.now_ms() - START_MS };
  });
  await clock.run(() => ended !== undefined, START_MS + 3_600_000);
  return ended;
}

describe("a waiting caller", () => {
  test("gets the result when it is told", async () => {
    const clock = new VirtualClock();
    const waiting = new WaitingCallers(clock);
    const { result } = waiting.wait("demo", "r1", 60_000, NEVER);
    assert.equal(waiting.count, 1);
    clock.after(10, () => waiting.deliver({ tenant: "demo", id: "r1", result: "yes" }));
    assert.deepEqual(await settle(clock, result), { result: "yes", at_ms: 10 });
    assert.equal(waiting.count, 0);
  });

  test("hears nothing of other tenants' results of the same id", async () => {
    const clock = new VirtualClock();
    const waiting = new WaitingCallers(clock);
    const { result } = waiting.wait("demo", "r1", 5_000, NEVER);
    clock.after(10, () => waiting.deliver({ tenant: "other", id: "r1", result: "no" }));
    assert.deepEqual(await settle(clock, result), { result: undefined, at_ms: 5_000 });
  });

  test("finds a result whose message was lost", async () => {
    const clock = new VirtualClock();
    const { result } = new WaitingCallers(clock).wait("demo", "r1", 60_000, async () => "found");
    assert.deepEqual(await settle(clock, result), { result: "found", at_ms: 1_000 });
  });

  test("looks ever less often, and a look that fails is only a look less", async () => {
    const clock = new VirtualClock();
    const looks: number[] = [];
    const { result } = new WaitingCallers(clock).wait("demo", "r1", 60_000, async () => {
      looks.push(clock.now_ms() - START_MS);
      if (looks.length === 2) throw new Error("Redis is away");
      return undefined;
    });
    assert.deepEqual(await settle(clock, result), { result: undefined, at_ms: 60_000 });
    assert.deepEqual(looks.slice(0, 4), [1_000, 3_000, 7_000, 15_000]);
    const gaps = looks.slice(1).map((at_ms, index) => at_ms - (looks[index] ?? 0));
    assert.ok(gaps.every((gap_ms) => gap_ms <= 15_000));
  });

  test("shares the result with others who wait for it", async () => {
    const clock = new VirtualClock();
    const waiting = new WaitingCallers(clock);
    const both = [waiting.wait("demo", "r1", 9_000, NEVER), waiting.wait("demo", "r1", 9_000, NEVER)];
    both[0]?.cancel();
    assert.equal(waiting.count, 1);
    waiting.deliver({ tenant: "demo", id: "r1", result: "yes" });
    assert.deepEqual(await Promise.all(both.map(({ result }) => result)), [undefined, "yes"]);
    waiting.deliver({ tenant: "demo", id: "r1", result: "again" });
    assert.equal(waiting.count, 0);
  });

  test("is let go at a shutdown, and leaves no timer behind", async () => {
    const clock = new VirtualClock();
    const waiting = new WaitingCallers(clock);
    const waits = Array.from({ length: 3 }, (_, index) => waiting.wait("demo", `r${index}`, 9_000, NEVER));
    waiting.release();
    assert.deepEqual(await Promise.all(waits.map(({ result }) => result)), [undefined, undefined, undefined]);
    assert.equal(waiting.count, 0);
    await clock.run(() => false, START_MS + 60_000);
    assert.equal(clock.events, 0);
  });
});
