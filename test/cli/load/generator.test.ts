/** The open loop on virtual time: when requests go out, what waits, what is not sent, and what latency counts from. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Ask } from "../../../cli/load/body.ts";
import type { Door, Ended } from "../../../cli/load/door.ts";
import { generate } from "../../../cli/load/generator.ts";
import { Recorder } from "../../../cli/load/recorder.ts";
import { parseScenario, type Scenario } from "../../../cli/load/scenario.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

const scenarioOf = (more = "", template = ""): Scenario =>
  parseScenario(
    `phases: [{ duration: 1s, rate: 10 }]\n${more}\ntemplates: [{ name: one, door: topic${template} }]`,
    "s.yaml",
  );

type Seen = { readonly ask: Ask; readonly at_ms: number };

type Played = { readonly seen: readonly Seen[]; readonly recorder: Recorder };

/** @param took_ms of each answer; undefined fails. */
async function play(
  scenario: Scenario,
  due_ms: readonly number[],
  took_ms: (ask: Ask) => number | undefined,
  share = { index: 0, of: 1 },
): Promise<Played> {
  const clock = new VirtualClock();
  const start_ms = clock.now_ms();
  const recorder = new Recorder(start_ms, 1_000);
  const seen: Seen[] = [];
  const sleep = (wait_ms: number): Promise<void> => new Promise((resolve) => void clock.after(wait_ms, resolve));
  const door: Door = {
    async ask(ask): Promise<Ended> {
      seen.push({ ask, at_ms: clock.now_ms() - start_ms });
      const after_ms = took_ms(ask);
      if (after_ms === undefined) return { kind: "failed", code: "broken" };
      await sleep(after_ms);
      const answer = {
        text: `answer to ${ask.id}`,
        ended_ms: clock.now_ms(),
        cost_nusd: 100,
        prompt_tokens: 1,
        completion_tokens: 1,
      };
      return { kind: "answered", answer: { ...answer, cache: "miss", tokens_per_s: undefined } };
    },
    close: async () => undefined,
  };
  const options = { scenario, run: "run", share, arrivals: due_ms, start_ms, doors: { topic: door }, recorder };
  const done = generate({ ...options, now_ms: () => clock.now_ms(), sleep, signal: new AbortController().signal });
  let over = false;
  void done.then(() => {
    over = true;
  });
  await clock.run(() => over, start_ms + 3_600_000);
  await done;
  return { seen, recorder };
}

describe("the generator", () => {
  test("sends when it is due, however long answers take", async () => {
    const { seen, recorder } = await play(scenarioOf(), [0, 100, 200], () => 5_000);
    assert.deepEqual(
      seen.map(({ at_ms }) => at_ms),
      [0, 100, 200],
    );
    assert.equal(recorder.counts.answered, 3);
  });

  test("counts latency from when a request was due, not from when it went out", async () => {
    // All three are overdue at the start: the loop is late by up to 300 ms.
    const { recorder } = await play(scenarioOf(), [-300, -200, -100], () => 50);
    const { latency, from_sent, behind } = recorder.figures.percentiles();
    assert.ok(Math.abs((latency?.max ?? 0) - 350) < 1);
    assert.ok(Math.abs((from_sent?.max ?? 0) - 50) < 1);
    assert.ok(Math.abs((behind?.max ?? 0) - 300) < 1);
  });

  test("does not send what is due beyond the bound, and says so", async () => {
    const { seen, recorder } = await play(scenarioOf("in_flight_max: 2"), [0, 10, 20, 30, 1_000], () => 100);
    assert.deepEqual(
      seen.map(({ at_ms }) => at_ms),
      [0, 10, 1_000],
    );
    const { asked, sent, not_sent } = recorder.counts;
    assert.deepEqual({ asked, sent, not_sent }, { asked: 5, sent: 3, not_sent: 2 });
  });

  test("gives each worker its share, and together they send all", async () => {
    const due = [0, 10, 20, 30, 40];
    const ids: string[] = [];
    for (const index of [0, 1]) {
      const { seen } = await play(scenarioOf(), due, () => 1, { index, of: 2 });
      ids.push(...seen.map(({ ask }) => ask.id));
    }
    assert.deepEqual(ids.sort(), ["run-0-0.0", "run-0-2.0", "run-0-4.0", "run-1-1.0", "run-1-3.0"]);
  });

  test("carries a session's history, and waits between its turns", async () => {
    const { seen, recorder } = await play(scenarioOf("", ", session: { turns: 3, think: 2s }"), [0], () => 500);
    assert.deepEqual(
      seen.map(({ at_ms }) => at_ms),
      [0, 2_500, 5_000],
    );
    assert.deepEqual(
      seen.map(({ ask }) => ask.messages.length),
      [1, 3, 5],
    );
    assert.deepEqual(
      seen.map(({ ask }) => ask.session),
      ["run-0-0", "run-0-0", "run-0-0"],
    );
    assert.equal(seen[1]?.ask.messages[1]?.content, "answer to run-0-0.0");
    const { session, session_cost, latency } = recorder.figures.percentiles();
    assert.ok(Math.abs((session?.max ?? 0) - 5_500) < 5);
    assert.ok(Math.abs((latency?.max ?? 0) - 500) < 1);
    assert.ok(Math.abs((session_cost?.max ?? 0) - 3e-7) < 1e-12);
  });

  test("ends a session whose turn fails", async () => {
    const { seen, recorder } = await play(scenarioOf("", ", session: { turns: 3, think: 2s }"), [0], (ask) =>
      ask.id.endsWith(".1") ? undefined : 10,
    );
    assert.equal(seen.length, 2);
    const { sessions_begun, sessions_ended, sessions_broken, failed } = recorder.counts;
    assert.deepEqual([sessions_begun, sessions_ended, sessions_broken, failed], [1, 0, 1, 1]);
    assert.deepEqual(recorder.recorded().errors, { broken: 1 });
  });
});
