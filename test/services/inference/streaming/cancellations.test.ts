/** Cancels: heard of before the job, during its call, too late, too often. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CancelEvent } from "../../../../libs/shared/events/control.ts";
import { Cancellations } from "../../../../services/inference/streaming/cancellations.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const cancel = (id: string, at_ms = START_MS, tenant = "demo"): CancelEvent => ({ kind: "cancel", tenant, id, at_ms });
const setUp = (remembered_max = 3) => {
  const clock = new VirtualClock();
  const cancellations = new Cancellations(clock, { remembered_max, ttl_ms: 1_000 });
  const pass = (ms: number) => clock.run(() => false, clock.now_ms() + ms);
  const after = async (ms: number) => {
    clock.after(ms, () => undefined);
    await pass(ms);
  };
  return { cancellations, after };
};

describe("a cancel", () => {
  test("gives up the calls under way, all of that request and of no other", () => {
    const { cancellations } = setUp();
    const [one, twin] = [cancellations.signalFor("demo", "r1"), cancellations.signalFor("demo", "r1")];
    const others = [cancellations.signalFor("demo", "r2"), cancellations.signalFor("other", "r1")];
    cancellations.apply(cancel("r1"));
    assert.deepEqual([one.signal.aborted, twin.signal.aborted], [true, true]);
    assert.ok(others.every(({ signal }) => !signal.aborted));
  });

  test("that comes before its job is remembered", () => {
    const { cancellations } = setUp();
    cancellations.apply(cancel("r1"));
    assert.equal(cancellations.isCancelled("demo", "r1"), true);
    assert.equal(cancellations.isCancelled("other", "r1"), false);
    assert.equal(cancellations.signalFor("demo", "r1").signal.aborted, true);
  });

  test("is forgotten in the end, counted from when it was given", async () => {
    const { cancellations, after } = setUp();
    cancellations.apply(cancel("r1", START_MS - 600));
    cancellations.apply(cancel("old", START_MS - 1_000));
    cancellations.apply(cancel("ahead", START_MS + 60_000));
    assert.equal(cancellations.isCancelled("demo", "old"), false);
    await after(399);
    assert.equal(cancellations.isCancelled("demo", "r1"), true);
    await after(1);
    assert.equal(cancellations.isCancelled("demo", "r1"), false);
    assert.equal(cancellations.isCancelled("demo", "ahead"), true);
    await after(600);
    assert.equal(cancellations.isCancelled("demo", "ahead"), false);
    cancellations.apply(cancel("new", START_MS + 1_000));
    assert.equal(cancellations.count, 1);
  });

  test("is one of so many: the oldest is forgotten, and what is said again is new", () => {
    const { cancellations } = setUp(3);
    for (const id of ["r1", "r2", "r3", "r1", "r4"]) cancellations.apply(cancel(id));
    assert.equal(cancellations.count, 3);
    assert.deepEqual(
      ["r1", "r2", "r3", "r4"].map((id) => cancellations.isCancelled("demo", id)),
      [true, false, true, true],
    );
  });

  test("is nothing to a job that has let go, and letting go twice takes nothing from its twin", () => {
    const { cancellations } = setUp();
    const [one, twin] = [cancellations.signalFor("demo", "r1"), cancellations.signalFor("demo", "r1")];
    one.release();
    one.release();
    cancellations.apply(cancel("r1"));
    assert.equal(twin.signal.aborted, true);
    twin.release();
    assert.equal(cancellations.signalFor("demo", "r1").signal.aborted, true);
  });
});
