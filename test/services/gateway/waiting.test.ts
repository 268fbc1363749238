/** Callers that wait, in virtual time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Told, WaitingCallers } from "../../../services/gateway/waiting.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

const NEVER = async (): Promise<undefined> => undefined;

/** Runs virtual time until the wait ends; returns its result and when that was. */
async function settle(clock: VirtualClock, told: Promise<Told | undefined>) {
  let ended: { readonly result: string | undefined; readonly at_ms: number } | undefined;
  void told.then((value) => {
    ended = { result: value?.result, at_ms: clock.now_ms() - START_MS };
  });
  await clock.run(() => ended !== undefined, START_MS + 3_600_000);
  return ended;
}

describe("a waiting caller", () => {
  test("gets the result when it is told", async () => {
    const clock = new VirtualClock();
    const waiting = new WaitingCallers(clock);
    const { told } = waiting.wait("demo", "r1", 60_000, NEVER);
    assert.equal(waiting.count, 1);
    clock.after(10, () => waiting.deliver({ tenant: "demo", id: "r1", result: "yes" }));
    assert.deepEqual(await settle(clock, told), { result: "yes", at_ms: 10 });
    assert.equal(waiting.count, 0);
  });

  test("hears nothing of other tenants' results of the same id", async () => {
    const clock = new VirtualClock();
    const waiting = new WaitingCallers(clock);
    const { told } = waiting.wait("demo", "r1", 5_000, NEVER);
    clock.after(10, () => waiting.deliver({ tenant: "other", id: "r1", result: "no" }));
    assert.deepEqual(await settle(clock, told), { result: undefined, at_ms: 5_000 });
  });

  test("hears with it what is left of the limits, where that is told", async () => {
    const waiting = new WaitingCallers(new VirtualClock());
    const { told } = waiting.wait("demo", "r1", 5_000, NEVER);
    waiting.deliver({ tenant: "demo", id: "r1", result: "yes", rate_room: "r=9,8,7" });
    assert.deepEqual(await told, { result: "yes", rate_room: "r=9,8,7" });
  });

  test("finds a result whose message was lost", async () => {
    const clock = new VirtualClock();
    const { told } = new WaitingCallers(clock).wait("demo", "r1", 60_000, async () => "found");
    assert.deepEqual(await settle(clock, told), { result: "found", at_ms: 1_000 });
  });

  test("looks ever less often, and a look that fails is only a look less", async () => {
    const clock = new VirtualClock();
    const looks: number[] = [];
    const { told } = new WaitingCallers(clock).wait("demo", "r1", 60_000, async () => {
      looks.push(clock.now_ms() - START_MS);
      if (looks.length === 2) throw new Error("Redis is away");
      return undefined;
    });
    assert.deepEqual(await settle(clock, told), { result: undefined, at_ms: 60_000 });
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
    assert.deepEqual(await Promise.all(both.map(({ told }) => told)), [undefined, { result: "yes" }]);
    waiting.deliver({ tenant: "demo", id: "r1", result: "again" });
    assert.equal(waiting.count, 0);
  });

  test("is let go at a shutdown, and leaves no timer behind", async () => {
    const clock = new VirtualClock();
    const waiting = new WaitingCallers(clock);
    const waits = Array.from({ length: 3 }, (_, index) => waiting.wait("demo", `r${index}`, 9_000, NEVER));
    waiting.release();
    assert.deepEqual(await Promise.all(waits.map(({ told }) => told)), [undefined, undefined, undefined]);
    assert.equal(waiting.count, 0);
    await clock.run(() => false, START_MS + 60_000);
    assert.equal(clock.events, 0);
  });
});
