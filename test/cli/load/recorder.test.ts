/** What is recorded adds up, in one process and in several, and reads back from its encoding. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Recorder } from "../../../cli/load/recorder.ts";
import { bucketMs, bucketOf, percentileOf, STEPS_MAX, stepLength } from "../../../cli/load/steps.ts";

const START_MS = 1_000_000;

const answer = (ended_ms: number) => ({
  text: "",
  ended_ms,
  cost_nusd: 1_000,
  prompt_tokens: 10,
  completion_tokens: 5,
  cache: "exact",
  tokens_per_s: 40,
});

/** One answered request. */
function note(recorder: Recorder, due_ms: number, took_ms: number): void {
  recorder.sent(due_ms, due_ms + 1);
  recorder.answered(due_ms, due_ms + 1, answer(due_ms + took_ms));
}

/** To the thousandth that an HDR histogram of three digits has. */
function assertClose(one: Recorder, other: Recorder): void {
  const [left, right] = [one, other].map((recorder) => Object.entries(recorder.figures.percentiles()));
  assert.equal(left?.length, right?.length);
  for (const [index, [name, figures]] of (left ?? []).entries()) {
    assert.equal(name, right?.[index]?.[0]);
    for (const [key, value] of Object.entries(figures)) {
      const wanted = Object.entries(right?.[index]?.[1] ?? {}).find(([found]) => found === key)?.[1] ?? 0;
      assert.ok(Math.abs(value - wanted) <= 0.002 * wanted, `${name}.${key}: ${value} and ${wanted}`);
    }
  }
}

describe("a recorder", () => {
  test("counts latency from when a request was due, and by itself from when it was sent", () => {
    const recorder = new Recorder(START_MS, 1_000);
    note(recorder, START_MS + 500, 100);
    const { latency, from_sent, behind, cost } = recorder.figures.percentiles();
    assert.ok(Math.abs((latency?.p50 ?? 0) - 100) < 0.1);
    assert.ok(Math.abs((from_sent?.p50 ?? 0) - 99) < 0.1);
    assert.equal(behind?.p50, 1);
    assert.equal(cost?.p50, 0.000_001);
  });

  test("adds up over workers, and over its own encoding", () => {
    const one = fc.record({
      at_ms: fc.integer({ min: 0, max: 9_999 }),
      took_ms: fc.integer({ min: 1, max: 60_000 }),
      worker: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 60 }), (requests) => {
        const whole = new Recorder(START_MS, 1_000);
        const parts = [0, 1, 2].map(() => new Recorder(START_MS, 1_000));
        for (const { at_ms, took_ms, worker } of requests) {
          for (const recorder of [whole, parts[worker] as Recorder]) note(recorder, START_MS + at_ms, took_ms);
        }
        const merged = new Recorder(START_MS, 1_000);
        for (const part of parts) merged.add(JSON.parse(JSON.stringify(part.recorded())));
        assertClose(merged, whole);
        assert.deepEqual(merged.counts, whole.counts);
        const sorted = (recorder: Recorder) =>
          recorder
            .recorded()
            .steps.map((step) => ({ ...step, latency: [...step.latency].sort(([left], [right]) => left - right) }));
        assert.deepEqual(sorted(merged), sorted(whole));
      }),
      { numRuns: 40 },
    );
  });

  test("gives a request to the step in which it was due, whenever it ended", () => {
    const recorder = new Recorder(START_MS, 1_000);
    note(recorder, START_MS + 1_500, 30_000);
    const { steps } = recorder.recorded();
    assert.equal(steps.length, 2);
    assert.deepEqual(
      steps.map(({ asked, answered, hits }) => [asked, answered, hits]),
      [
        [0, 0, 0],
        [1, 1, 1],
      ],
    );
  });

  test("tells so many codes apart, and no more", () => {
    const recorder = new Recorder(START_MS, 1_000);
    for (let code = 0; code < 80; code += 1) recorder.failed(START_MS, `code_${code}`);
    const { errors } = recorder.recorded();
    assert.equal(Object.keys(errors).length, 51);
    assert.equal(errors["other"], 30);
  });

  test("holds values beyond its bounds at them", () => {
    const recorder = new Recorder(START_MS, 1_000);
    recorder.figures.record("latency", 1e12);
    recorder.figures.record("latency", -5);
    assert.ok((recorder.figures.percentiles().latency?.max ?? 0) <= 3_604_000);
  });
});

describe("steps", () => {
  test("are whole seconds, and bounded", () => {
    for (const [duration_ms, step_ms] of [
      [1_000, 1_000],
      [300_000, 1_000],
      [300_001, 2_000],
      [7_200_000, 24_000],
    ] as const) {
      assert.equal(stepLength(duration_ms), step_ms);
    }
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 604_800_000 }),
        (duration_ms) => duration_ms / stepLength(duration_ms) <= STEPS_MAX,
      ),
    );
  });

  test("have buckets a hundredth apart", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 3_600_000, noNaN: true }), (time_ms) => {
        assert.ok(Math.abs(bucketMs(bucketOf(time_ms)) / time_ms - 1) < 0.006);
      }),
    );
  });

  test("give percentiles by nearest rank", () => {
    assert.equal(percentileOf([], 50), undefined);
    const buckets = [
      [bucketOf(10), 90],
      [bucketOf(1_000), 10],
    ] as const;
    assert.equal(percentileOf(buckets, 90), bucketMs(bucketOf(10)));
    assert.equal(percentileOf(buckets, 91), bucketMs(bucketOf(1_000)));
  });
});
