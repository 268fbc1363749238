/** The keeper of the counters in virtual time: who notices, who rebuilds, and what is said. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unavailable } from "../../../libs/shared/errors.ts";
import { CountersKeeper } from "../../../services/ingest/counters.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

function setUp(mode: "auto" | "manual", rebuild: (at: number, life: { epoch: string | undefined }) => unknown) {
  const clock = new VirtualClock();
  const life: { epoch: string | undefined; away: boolean } = { epoch: undefined, away: false };
  const lines: string[] = [];
  const rebuilds: number[] = [];
  const signals: AbortSignal[] = [];
  const say = (_: unknown, message: string): void => void lines.push(message);
  const keeper = new CountersKeeper({
    life: {
      epoch: async () => {
        if (life.away) throw unavailable("redis", new Error("refused"));
        return life.epoch;
      },
    },
    rebuild: async (signal) => {
      signals.push(signal);
      rebuilds.push(clock.now_ms() - START_MS);
      return rebuild(rebuilds.length, life);
    },
    mode,
    clock,
    random: () => 1,
    log: { debug: say, info: say, warn: say, error: say },
  });
  const run = (for_ms: number) => {
    const until_ms = clock.now_ms() + for_ms;
    clock.after(for_ms, () => undefined);
    return clock.run(() => clock.now_ms() >= until_ms, until_ms);
  };
  return { keeper, clock, life, lines, rebuilds, signals, run };
}

const restores = (_: number, life: { epoch: string | undefined }) => {
  life.epoch = "2";
};

describe("counters that are there", () => {
  test("are left alone", async () => {
    const { keeper, life, lines, rebuilds, run } = setUp("auto", restores);
    life.epoch = "1";
    keeper.start();
    keeper.lost();
    await run(60_000);
    assert.deepEqual([keeper.is_lost, keeper.losses, lines, rebuilds], [false, 0, [], []]);
  });
});

describe("lost counters", () => {
  test("are restored at once, once, however many tell of it", async () => {
    const { keeper, lines, rebuilds, run } = setUp("auto", restores);
    keeper.start();
    for (let at = 0; at < 10; at += 1) keeper.lost();
    await run(60_000);
    assert.deepEqual(rebuilds, [0]);
    assert.deepEqual([keeper.is_lost, keeper.losses], [false, 1]);
    assert.match(lines.join("\n"), /are lost; they are rebuilt.*\n.*are back$/);
  });

  test("are restored again when they are lost again", async () => {
    const { keeper, life, rebuilds, run } = setUp("auto", restores);
    keeper.start();
    await run(1_000);
    life.epoch = undefined;
    keeper.lost();
    await run(1_000);
    assert.deepEqual(rebuilds, [0, 1_000]);
    assert.equal(keeper.losses, 2);
  });

  test("that another process restores are waited for", async () => {
    const { keeper, clock, life, rebuilds, run } = setUp("auto", () => ({ kind: "busy" }));
    clock.after(2_000, () => {
      life.epoch = "2";
    });
    keeper.lost();
    await run(1_900);
    assert.equal(keeper.is_lost, true);
    await run(60_000);
    assert.deepEqual([rebuilds, keeper.is_lost], [[0, 500, 1_500], false]);
  });

  test("are tried again, later each time, when a rebuild fails", async () => {
    const { keeper, rebuilds, lines, run } = setUp("auto", (at, life) => {
      if (at < 4) throw new Error("kafka is away");
      restores(at, life);
    });
    keeper.lost();
    await run(60_000);
    assert.deepEqual(rebuilds, [0, 500, 1_500, 3_500]);
    assert.equal(lines.at(-1), "the counters of budgets and limits are back");
  });

  test("are not rebuilt while nobody knows whether they are lost", async () => {
    const { keeper, clock, life, rebuilds, run } = setUp("auto", restores);
    life.away = true;
    keeper.start();
    clock.after(1_000, () => {
      life.away = false;
      life.epoch = "1";
    });
    await run(60_000);
    assert.deepEqual([rebuilds, keeper.losses], [[], 0]);
  });

  test("wait for a person where the settings say so, and say what to run", async () => {
    const { keeper, clock, life, lines, rebuilds, run } = setUp("manual", restores);
    keeper.start();
    clock.after(100_000, () => {
      life.epoch = "2";
    });
    await run(99_000);
    assert.equal(keeper.is_lost, true);
    assert.equal(lines.length, 1, "said once");
    assert.match(lines[0] ?? "", /run `sluice rebuild budgets`/);
    await run(30_000);
    assert.deepEqual([keeper.is_lost, rebuilds], [false, []]);
  });

  test("are nobody's business once the service stops", async () => {
    const { keeper, clock, rebuilds, signals, run } = setUp("auto", () => ({ kind: "busy" }));
    keeper.lost();
    clock.after(700, () => void keeper.stop());
    await run(60_000);
    keeper.lost();
    await run(60_000);
    assert.deepEqual(rebuilds, [0, 500]);
    assert.ok(signals.every(({ aborted }) => aborted));
    await keeper.stop();
  });
});
