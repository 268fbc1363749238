/** Advice is looked for once for all who ask, over looks that are far enough apart and not too old. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Advice, FullLook } from "../../../../libs/shared/advice/looking.ts";
import { adviceOf } from "../../../../services/gateway/admin/advice.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

function setUp() {
  const clock = new VirtualClock();
  let full = 0;
  const asked: number[] = [];
  const looks = {
    async full(): Promise<FullLook> {
      full += 1;
      const at_ms = clock.now_ms();
      return { at_ms, beats: [], groups: { at_ms, partitions: [], members: [], rebalancing: [] } };
    },
    async advice(first: FullLook, between: readonly unknown[], last: FullLook): Promise<Advice> {
      asked.push(last.at_ms - first.at_ms);
      assert.ok(between.length <= 8);
      return { at_ms: last.at_ms, seconds: 1, findings: [], observation: {} as Advice["observation"] };
    },
  };
  return { clock, asked, advise: adviceOf({ looks, clock }), fulls: () => full };
}

async function advance(clock: VirtualClock, wait_ms: number): Promise<void> {
  let over = false;
  clock.after(wait_ms, () => {
    over = true;
  });
  await clock.run(() => over, Number.POSITIVE_INFINITY);
}

test("the first waits for a second look, those beside it for the same, and who comes later for none", async () => {
  const { clock, asked, advise, fulls } = setUp();
  const two = [advise(), advise()];
  await advance(clock, 6_001);
  await Promise.all(two);
  assert.deepEqual([asked, fulls()], [[6_000], 2]);
  await advance(clock, 5_000);
  await advise();
  assert.deepEqual([asked, fulls()], [[6_000, 11_001], 3]);
});

test("looks of long ago say nothing of now", async () => {
  const { clock, asked, advise } = setUp();
  const first = advise();
  await advance(clock, 6_001);
  await first;
  await advance(clock, 600_000);
  const later = advise();
  await advance(clock, 6_001);
  await later;
  assert.deepEqual(asked, [6_000, 6_000]);
});
