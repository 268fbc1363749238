/** The process's own bucket behind the port. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalLimits } from "../../../../services/inference/limits/limit-store.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { limitStoreSuite } from "./limit-store.suite.ts";

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  let over = false;
  clock.after(ms, () => {
    over = true;
  });
  await clock.run(() => over, Number.POSITIVE_INFINITY);
}

limitStoreSuite("the process's own bucket", async (settings) => {
  const clock = new VirtualClock();
  const store = new LocalLimits(settings, clock);
  store.setShare(1);
  return { store, advance: (ms) => pass(clock, ms) };
});

test("nothing goes without a share, and a part of the limits with a part of the partitions", async () => {
  const clock = new VirtualClock();
  const store = new LocalLimits({ requests_per_minute: 600, tokens_per_minute: 1_000, scope: "assignment" }, clock);
  const ask = () => store.ask([{ requests: 1, tokens: 1 }], { requests: 0, tokens: 0 });
  assert.deepEqual(ask(), { granted: 0, wait_ms: Number.POSITIVE_INFINITY });
  store.setShare(0.25);
  assert.equal(store.tokens_per_minute, 250);
  assert.equal(ask().granted, 1);
  // 150 a minute, less what the window keeps free.
  assert.ok(Math.abs(ask().wait_ms - 410) <= 3, `${ask().wait_ms}`);
});
