/** Rounds, one after the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startRounds } from "../../../libs/shared/rounds.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

test("each says when the next one is, also one that fails", async () => {
  const clock = new VirtualClock();
  const at_ms: number[] = [];
  const rounds = startRounds({
    clock,
    async round() {
      at_ms.push(clock.now_ms() - START_MS);
      if (at_ms.length === 2) throw new Error("away");
      return 100;
    },
    failed: () => 7,
  });
  await clock.run(() => at_ms.length === 4, START_MS + 10_000);
  await rounds.stop();
  assert.deepEqual(at_ms, [0, 100, 107, 207]);
});

test("a stop is heard in the round and in the wait, and waits for the round", async () => {
  const clock = new VirtualClock();
  let ended = false;
  const rounds = startRounds({
    clock,
    async round(stopping) {
      if (stopping.aborted) throw new Error("none begins after a stop");
      await new Promise<void>((resolve) => stopping.addEventListener("abort", () => resolve()));
      ended = true;
      return 1_000_000;
    },
    failed: () => 0,
  });
  await rounds.stop();
  assert.ok(ended);
});
