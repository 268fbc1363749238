/** I3 over random schedules: two processes at one job, that stall, die and come back, with a store that loses replies. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { silentLog } from "../../../../libs/shared/log.ts";
import { type Attempt, AttemptLedger } from "../../../../services/inference/ledger/ledger.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryAttempts } from "../../../support/memory-attempts.ts";

const JOB = { tenant: "demo", id: "r1", content_hash: "h" };
const ANSWER = { ending: { status: "succeeded", timing: {} } as const, response: Buffer.from("{}") };
const CALL_MS = 1_000;

const process = fc.record({
  /** When each life of the process begins, and how long it lasts. */
  lives: fc.array(fc.record({ rest_ms: fc.nat(5_000), life_ms: fc.nat(5_000) }), { maxLength: 4 }),
  /** How each of its calls ends. */
  calls: fc.array(fc.constantFrom("answer", "failure", "unknown"), { maxLength: 6 }),
  /** Between an answer and its publication. */
  pause_ms: fc.nat(3_000),
});
const schedules = fc.record({
  one: process,
  other: process,
  lost_at_ms: fc.array(fc.nat(20_000), { maxLength: 5 }),
});
type Schedule = Parameters<Parameters<typeof schedules.map>[0]>[0];

/** What the calls came to, told by who made them. */
class World {
  readonly clock = new VirtualClock();
  readonly store = new MemoryAttempts();
  calls = 0;
  known_failures = 0;
  published = 0;

  /** One life of a process. It dies silently: what it had in hand goes no further. */
  async live(name: string, life: AbortSignal, { calls, pause_ms }: Schedule["one"]): Promise<void> {
    const ledger = this.#ledger(name);
    const dead = new Promise<never>(() => undefined);
    const step = async <T>(work: Promise<T>): Promise<T> => {
      const value = await work;
      return life.aborted ? dead : value;
    };
    const sleep = (ms: number): Promise<void> => step(new Promise((resolve) => this.clock.after(ms, resolve)));
    const ends = [...calls];
    for (;;) {
      const opened = await step(ledger.open(JOB, 0, life));
      if (opened === undefined || opened.kind === "done" || opened.kind === "quarantine") return;
      const { attempt } = opened;
      if (opened.kind === "answered" || (await this.#work(attempt, ends, step, sleep))) {
        await sleep(pause_ms);
        this.published += 1;
        await attempt.published();
        return attempt.end();
      }
      attempt.end();
    }
  }

  /** @returns whether there is an answer of this run. */
  async #work(
    attempt: Attempt,
    ends: string[],
    step: <T>(work: Promise<T>) => Promise<T>,
    sleep: (ms: number) => Promise<void>,
  ): Promise<boolean> {
    for (;;) {
      if (!(await step(attempt.dispatch(this.clock.now_ms() + CALL_MS)))) return false;
      this.calls += 1;
      await sleep(CALL_MS);
      const end = ends.shift() ?? "answer";
      if (end === "answer") return step(attempt.answered(ANSWER, 1));
      if (!(await step(attempt.failed(end === "unknown")))) return false;
      if (end === "failure") this.known_failures += 1;
      await sleep(100);
    }
  }

  #ledger(instance: string): AttemptLedger {
    const { clock, store } = this;
    return new AttemptLedger({
      store,
      clock,
      retry: { clock, random: () => 0.5, log: silentLog, policy: { base_ms: 50, cap_ms: 500 } },
      settings: { on_unknown: "retry", answer_ttl_hours: 24, published_ttl_minutes: 10, alive_ttl_ms: 6_000 },
      instance,
      counted: () => undefined,
    });
  }
}

async function play({ one, other, lost_at_ms }: Schedule): Promise<World> {
  const world = new World();
  const { clock, store } = world;
  for (const at_ms of lost_at_ms) {
    clock.after(at_ms, () => {
      store.lose += 1;
    });
  }
  let running = 2;
  const begin = (name: string, process: Schedule["one"], life = 0): void => {
    const instance = `${name}${life}`;
    const limits = process.lives[life];
    const dies = new AbortController();
    store.alive.add(instance);
    clock.after(limits?.rest_ms ?? 0, () => {
      const ended = world.live(instance, dies.signal, process).then(() => "ended");
      const died = new Promise<string>((resolve) => {
        if (limits === undefined) return;
        clock.after(limits.life_ms, () => {
          dies.abort();
          // Its death is noticed late.
          clock.after(2_000, () => void store.alive.delete(instance));
          resolve("died");
        });
      });
      void Promise.race([ended, died]).then((how) => {
        if (how === "died") begin(name, process, life + 1);
        else running -= 1;
      });
    });
  };
  begin("one", one);
  begin("other", other);
  assert.ok(await clock.run(() => running === 0, START_MS + 3_600_000), "both come to an end");
  return world;
}

describe("whatever two processes live through", () => {
  test("every call but one had a known failure or was counted as unknown, and the job is published", async () => {
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const { calls, known_failures, store, published } = await play(schedule);
        const allowed = 1 + store.totals.unknown_calls + known_failures;
        assert.ok(calls <= allowed, `${calls} calls where ${allowed} are accounted for`);
        assert.ok(published > 0);
        assert.equal(store.entry(JOB), "P");
      }),
      { numRuns: 150 },
    );
  });
});
