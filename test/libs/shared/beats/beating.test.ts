/** Beats, from the first to the one that is taken back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Beat } from "../../../../libs/shared/beats/beat.ts";
import { startBeats } from "../../../../libs/shared/beats/beating.ts";
import { createLog } from "../../../../libs/shared/log.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const OF = { service: "router", instance: "router-1", host: "h", pid: 1, tiers: [], started_ms: START_MS };

function beating(failing: (beat: Beat) => boolean = () => false) {
  const clock = new VirtualClock();
  const said: string[] = [];
  let value = 0;
  const beats = startBeats({
    clock,
    log: createLog("test", "silent"),
    beat_ms: 2_000,
    of: OF,
    sample: async () => [{ name: "n", labels: {}, value: value++ }],
    store: {
      async write(beat) {
        if (failing(beat)) throw new Error("away");
        said.push(`${beat.at_ms - START_MS} ${beat.samples[0]?.value}${beat.draining ? " draining" : ""}`);
      },
      async remove(service, instance) {
        said.push(`remove ${service} ${instance}`);
      },
    },
  });
  const until = (ms: number): Promise<boolean> => clock.run(() => false, START_MS + ms);
  return { beats, said, until };
}

test("the first is given at once, the others in their time, each with what is so then", async () => {
  const { said, until } = beating();
  await until(4_500);
  assert.deepEqual(said, ["0 0", "2000 1", "4000 2"]);
});

test("one that leaves says so at once, and is gone at the end", async () => {
  const { beats, said, until } = beating();
  await until(2_500);
  beats.draining();
  await until(4_500);
  await beats.stop();
  await until(20_000);
  assert.deepEqual(said.slice(2), ["2000 2 draining", "4000 3 draining", "remove router router-1"]);
});

test("what cannot be written is left out, and the next one is", async () => {
  const { said, until } = beating(({ at_ms }) => at_ms === START_MS);
  await until(2_500);
  assert.deepEqual(said, ["2000 1"]);
});
