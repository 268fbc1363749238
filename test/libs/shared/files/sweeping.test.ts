/** When files are swept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Swept } from "../../../../libs/shared/files/postgres-files.ts";
import { startSweeping } from "../../../../libs/shared/files/sweeping.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

test("at the start and every minute, also after a failure; at once where there may be more", async () => {
  const clock = new VirtualClock();
  const at_s: number[] = [];
  const none: Swept = { expired: 0, removed: 0, failed: 0 };
  const ends: (Swept | undefined)[] = [
    undefined,
    { ...none, expired: 100 },
    { ...none, removed: 100 },
    { ...none, failed: 100 },
    { ...none, expired: 99, removed: 99 },
  ];
  const sweeping = startSweeping({
    clock,
    log: silentLog,
    files: {
      async sweep() {
        const swept = ends[at_s.length];
        at_s.push((clock.now_ms() - START_MS) / 1_000);
        if (swept === undefined && at_s.length === 1) throw new Error("postgres is away");
        return swept ?? none;
      },
    },
  });
  await clock.run(() => at_s.length === 6, START_MS + 3_600_000);
  await sweeping.stop();
  assert.deepEqual(at_s, [0, 60, 60, 60, 120, 180]);
});
