/** The runner with drivers that are scripted, on a store in memory and virtual time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sleep } from "../../../../libs/shared/clock.ts";
import { jobsSchema } from "../../../../libs/shared/config/gateway.ts";
import { unavailable } from "../../../../libs/shared/errors.ts";
import type { Job, JobDriver, StepEnd } from "../../../../libs/shared/jobs/job.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { Told } from "../../../../libs/shared/redis/request-events.ts";
import type { WebhookEvent } from "../../../../libs/shared/webhooks/event.ts";
import { JobRunner, type JobRunnerDeps, type JobRunnerEvent } from "../../../../services/results/jobs/runner.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryJobs } from "../../../support/memory-jobs.ts";

const DAY_MS = 86_400_000;

function setUp(step: JobDriver["step"], more: Partial<JobRunnerDeps> = {}, settings: object = {}) {
  const clock = new VirtualClock();
  const jobs = new MemoryJobs();
  const told: Told[] = [];
  const events: WebhookEvent[] = [];
  const seen: JobRunnerEvent[] = [];
  const deps: JobRunnerDeps = {
    leases: jobs,
    drivers: { batch: { step } },
    states: { tell: async (some) => void told.push(...some) },
    outbox: { add: async (some) => void events.push(...some) },
    settings: jobsSchema.parse(settings),
    clock,
    random: () => 0.5,
    log: silentLog,
    observe: (event) => void seen.push(event),
    ...more,
  };
  const create = (id: string) =>
    jobs.create({ id, tenant: "demo", kind: "batch", spec: {}, state: { n: 0 }, created_ms: clock.now_ms() });
  const find = async (id: string) => (await jobs.find("demo", "batch", id)) as Job<unknown, { n: number }>;
  const runner = (): JobRunner => {
    const made = new JobRunner(deps);
    made.start();
    return made;
  };
  const after = (wait_ms: number) => {
    let over = false;
    clock.after(wait_ms, () => {
      over = true;
    });
    return clock.run(() => over, Number.POSITIVE_INFINITY);
  };
  return { clock, jobs, told, events, seen, deps, create, find, runner, after };
}

const countOf = ({ state }: Job): number => (state as { n: number }).n;

/** Counts to three, and has then ended. */
function counting(wake_ms: number): JobDriver["step"] {
  return async (job): Promise<StepEnd> => {
    const n = countOf(job) + 1;
    return { status: n < 3 ? "in_progress" : "completed", state: { n }, wake_ms, progress: { n } };
  };
}

describe("the runner of jobs", () => {
  test("takes step after step, tells each, and tells of the end by webhook and event", async () => {
    const { clock, create, find, runner, after, told, events, seen } = setUp(counting(0));
    await create("a");
    runner();
    await after(100);
    assert.equal((await find("a")).status, "completed");
    assert.deepEqual(
      told.map(({ state }) => state),
      [
        { n: 1, state: "progress" },
        { n: 2, state: "progress" },
        { n: 3, status: "completed", state: "ended" },
      ],
    );
    assert.deepEqual(events, [{ tenant: "demo", type: "batch.completed", subject: "a", at_ms: clock.now_ms() - 100 }]);
    assert.deepEqual(
      seen.map(({ event }) => event),
      ["step", "step", "step", "ended"],
    );
    await after(60_000);
    assert.equal(events.length, 1);
  });

  test("drives again after the time that a step names, or at once when there is word", async () => {
    const { create, find, runner, after, deps } = setUp(counting(60_000), {}, { poll_ms: 1_000 });
    await create("a");
    const one = runner();
    await after(30_000);
    assert.equal(countOf(await find("a")), 1);
    one.wake(["a", "unknown"]);
    await after(50);
    assert.equal(countOf(await find("a")), 2);
    // So soon after a step, a word waits.
    one.wake(["a"]);
    await after(40);
    assert.equal(countOf(await find("a")), 2);
    await after(60);
    assert.equal(countOf(await find("a")), 3);
    assert.ok(deps.settings.poll_ms < 60_000);
  });

  test("fails a job whose driver fails again and again, and goes on with others", async () => {
    const { create, find, runner, after, events, told } = setUp(async (job, signal) => {
      if (job.id === "bad") throw new TypeError("undefined is not a function");
      return counting(0)(job, signal);
    });
    await create("bad");
    await create("good");
    runner();
    await after(120_000);
    const bad = await find("bad");
    assert.deepEqual([bad.status, bad.error?.code, bad.state], ["failed", "internal_error", { n: 0 }]);
    assert.equal((await find("good")).status, "completed");
    assert.deepEqual(events.map(({ type }) => type).sort(), ["batch.completed", "batch.failed"]);
    assert.deepEqual(told.at(-1)?.state, { status: "failed", state: "ended" });
  });

  test("fails a job that takes its process down again and again", async () => {
    const { create, find, jobs, clock, runner, after } = setUp(counting(0));
    await create("bad");
    for (let death = 0; death < 10; death += 1) {
      const now_ms = clock.now_ms();
      assert.equal((await jobs.lease({ owner: `dead-${death}`, now_ms, until_ms: now_ms }, 1)).length, 1);
    }
    runner();
    await after(1_000);
    assert.equal((await find("bad")).error?.code, "internal_error");
  });

  test("waits for parts that are away, however long", async () => {
    let away = true;
    const tries: number[] = [];
    const { clock, create, find, runner, after } = setUp(async (job, signal) => {
      tries.push(clock.now_ms());
      if (away) throw unavailable("kafka", new Error("gone"));
      return counting(0)(job, signal);
    });
    await create("a");
    runner();
    await after(3_600_000);
    assert.equal((await find("a")).status, "validating");
    assert.ok(tries.length > 50 && tries.length < 300, String(tries.length));
    away = false;
    await after(60_000);
    assert.equal((await find("a")).status, "completed");
  });

  test("tells of an end until it is told, and only then lets go", async () => {
    let away = true;
    const events: WebhookEvent[] = [];
    const { create, find, runner, after, jobs, clock } = setUp(counting(0), {
      outbox: {
        async add(some) {
          if (away) throw unavailable("postgres", new Error("gone"));
          events.push(...some);
        },
      },
    });
    await create("a");
    const first = runner();
    await after(100);
    assert.equal((await find("a")).status, "completed");
    await first.drain(1_000).then(() => undefined);
    away = false;
    runner();
    await after(60_000);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["batch.completed"],
    );
    assert.deepEqual(await jobs.lease({ owner: "x", now_ms: clock.now_ms(), until_ms: clock.now_ms() }, 5), []);
  });

  test("drives no more than so many at once, and the others after them", async () => {
    let open = 0;
    let open_max = 0;
    const { clock, create, find, runner, after } = setUp(
      async (job, signal) => {
        open += 1;
        open_max = Math.max(open_max, open);
        await sleep(clock, 500);
        open -= 1;
        return counting(0)(job, signal);
      },
      {},
      { running_max: 2 },
    );
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) await create(name);
    runner();
    await after(10_000);
    assert.equal(open_max, 2);
    for (const name of names) assert.equal((await find(name)).status, "completed");
  });

  test("keeps its lease during a long step", async () => {
    let steps = 0;
    const { clock, create, find, runner, after } = setUp(
      async (job, signal) => {
        steps += 1;
        await sleep(clock, 60_000);
        return counting(0)(job, signal);
      },
      {},
      { lease_ms: 3_000 },
    );
    await create("a");
    runner();
    runner();
    await after(200_000);
    assert.equal((await find("a")).status, "completed");
    assert.equal(steps, 3);
  });

  test("changes nothing once its lease is another's, and its step is told", async () => {
    let told_to_stop = false;
    const { clock, create, find, jobs, runner, after, events, seen } = setUp(async (job, signal) => {
      signal.addEventListener("abort", () => {
        told_to_stop = true;
      });
      await sleep(clock, 20_000);
      return counting(0)(job, signal);
    });
    await create("a");
    const one = runner();
    await after(10);
    jobs.steal("a");
    await jobs.lease({ owner: "thief", now_ms: clock.now_ms(), until_ms: clock.now_ms() + DAY_MS }, 1);
    await after(30_000);
    assert.equal(told_to_stop, true);
    assert.deepEqual([countOf(await find("a")), events.length, one.running], [0, 0, 0]);
    assert.deepEqual(
      seen.map(({ event }) => event),
      ["step", "lease_lost"],
    );
  });

  test("stops between steps and gives its leases back", async () => {
    const { clock, create, find, runner, after, jobs } = setUp(async (job) => {
      await sleep(clock, 1_000);
      return { status: "in_progress", state: { n: countOf(job) + 1 }, wake_ms: 0 };
    });
    await create("a");
    const one = runner();
    await after(1_500);
    let drained = false;
    void one.drain(5_000).then(() => {
      drained = true;
    });
    await after(600);
    assert.equal(drained, true);
    assert.equal(countOf(await find("a")), 2);
    const now_ms = clock.now_ms();
    const [leased] = await jobs.lease({ owner: "next", now_ms, until_ms: now_ms + 1 }, 1);
    assert.deepEqual([leased?.job.id, leased?.tries], ["a", 1]);
  });

  test("waits for a step no longer than the drain may take", async () => {
    const { create, runner, after } = setUp(() => new Promise(() => undefined));
    await create("a");
    const one = runner();
    await after(10);
    let drained = false;
    void one.drain(5_000).then(() => {
      drained = true;
    });
    await after(4_000);
    assert.equal(drained, false);
    await after(1_001);
    assert.equal(drained, true);
  });

  test("removes jobs that ended long ago", async () => {
    const { create, find, runner, after } = setUp(counting(0), {}, { keep_days: 1, poll_ms: 600_000 });
    await create("a");
    runner();
    await after(DAY_MS);
    assert.notEqual(await find("a"), undefined);
    await after(DAY_MS / 8);
    assert.equal(await find("a"), undefined);
  });
});
