/** When the days of results are looked after. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../../libs/shared/log.ts";
import type { RetentionRun } from "../../../services/results/retention.ts";
import { startRetention } from "../../../services/results/retention-loop.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

test("at the start and every hour; sooner after a run that was left or failed", async () => {
  const clock = new VirtualClock();
  const at_minutes: number[] = [];
  const ends: (RetentionRun["ended"] | "failed")[] = ["failed", "left", "done", "done"];
  const loop = startRetention({
    clock,
    log: silentLog,
    async keep() {
      at_minutes.push((clock.now_ms() - START_MS) / 60_000);
      const ended = ends[at_minutes.length - 1] ?? "done";
      if (ended === "failed") throw new Error("postgres is away");
      return { made: [], dropped: [], claims: 0, ended };
    },
  });
  await clock.run(() => at_minutes.length === 5, START_MS + 86_400_000);
  await loop.stop();
  assert.deepEqual(at_minutes, [0, 1, 2, 62, 122]);
});
