/** Batches whose processes fail and die between any two writes, and lose their leases: every line ends once all the same. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NAMES } from "../../../support/memory-ports.ts";
import { BatchWorld, Faults, linesOf } from "./batches-fixture.ts";

const LINES = 60;

/** Two processes at a time; who dies is followed by another. Ends when all batches have. */
async function runWithCrashes(world: BatchWorld, ids: readonly string[], chance: number): Promise<number> {
  let deaths = 0;
  let done = false;
  const alive: Faults[] = [];
  const keep = (): void => {
    if (done) return;
    for (let at = 0; at < 2; at += 1) {
      if (alive[at] !== undefined && alive[at]?.dead !== true) continue;
      if (alive[at] !== undefined) deaths += 1;
      const faults = new Faults(world.random, chance, true);
      alive[at] = faults;
      world.process(faults);
    }
    for (const id of ids) if (world.random.chance(0.05)) world.jobs.steal(id);
    world.clock.after(500, keep);
  };
  keep();
  await world.untilEnded(...ids);
  done = true;
  return deaths;
}

describe("a batch under crashes", () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    test(`ends each line once, seed ${seed}`, async () => {
      const world = new BatchWorld(seed, { in_flight_max: 20, chunk: 7 });
      world.answer = () => ({
        after_ms: world.random.int(10, 3_000),
        status: world.random.chance(0.2) ? "failed" : "succeeded",
      });
      const ids = [await world.batch(linesOf(LINES)), await world.batch(linesOf(LINES))];
      if (seed % 3 === 0) {
        world.clock.after(world.random.int(500, 8_000), () => {
          void world.jobs.cancel("demo", "batch", ids[1] as string, world.clock.now_ms());
        });
      }
      const deaths = await runWithCrashes(world, ids, 0.04);
      assert.ok(deaths > 0, "nobody died");
      for (const id of ids) {
        const { status, state } = await world.find(id);
        const output = world.lines(state.output_file_id);
        const errors = world.lines(state.error_file_id);
        const order = (name: string): number => Number(name.slice(1));
        for (const lines of [output, errors]) {
          const names = lines.map(({ custom_id }) => order(custom_id));
          assert.deepEqual(
            names,
            [...names].sort((one, other) => one - other),
          );
        }
        const all = [...output, ...errors].map(({ custom_id }) => order(custom_id));
        all.sort((one, other) => one - other);
        const cancelled_early = status === "cancelled" && state.in_progress_ms === undefined;
        assert.deepEqual(all, cancelled_early ? [] : Array.from({ length: LINES }, (_, index) => index));
        if (!cancelled_early) {
          assert.deepEqual([state.completed, state.failed], [output.length, errors.length]);
        }
        const ended = world.told.filter((told) => told.id === id && told.state.state === "ended");
        assert.ok(ended.length >= 1);
        assert.deepEqual(new Set(world.events.filter(({ subject }) => subject === id).map(({ type }) => type)).size, 1);
      }
      // A request that was written again is the same to the byte, and so a repeat.
      const contents = new Map<string, Set<string>>();
      for (const { topic, key, value } of world.published) {
        if (topic === NAMES.control) continue;
        const seen = contents.get(String(key)) ?? new Set();
        contents.set(String(key), seen.add(String(value)));
      }
      for (const [id, seen] of contents) assert.equal(seen.size, 1, id);
    });
  }
});
