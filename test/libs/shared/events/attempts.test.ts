/** The calls of a request: bounded, the first and the last ones kept, over rounds too. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ATTEMPTS_MAX,
  type AttemptNote,
  attemptsOf,
  traceWith,
  withAttempts,
} from "../../../../libs/shared/events/attempts.ts";

const note = (at_ms: number): AttemptNote => ({
  ...{ tier: "small", model: "m", endpoint: "e", at_ms, duration_ms: 1, outcome: "provider_error", status: 503 },
  waited_ms: 0,
});
const RECORD = { topic: "llm.retry.5s", key: "k", value: null, headers: { own: "x" } };

describe("the calls of a request", () => {
  test("nothing is told of nothing", () => {
    assert.equal(traceWith(undefined), undefined);
    assert.deepEqual(traceWith({ attempts: [note(1)] }), { attempts: [note(1)] });
    assert.deepEqual(withAttempts(RECORD, undefined), RECORD);
    assert.equal(attemptsOf({}), undefined);
  });

  test("of many the first and the last ones are kept, and the others counted", () => {
    let trace = traceWith(undefined, [1, 2, 3, 4, 5].map(note));
    trace = traceWith(trace, [6, 7, 8, 9, 10].map(note));
    trace = traceWith(trace, [note(11)]);
    assert.deepEqual(
      trace?.attempts.map(({ at_ms }) => at_ms),
      [1, 2, 3, 7, 8, 9, 10, 11],
    );
    assert.deepEqual([trace?.attempts.length, trace?.left_out], [ATTEMPTS_MAX, 3]);
  });

  test("come through a retry topic as they were", () => {
    const trace = { attempts: [note(1), { ...note(2), cost_usd: 0.5 }], left_out: 4 };
    const { headers = {} } = withAttempts(RECORD, trace);
    assert.equal(headers["own"], "x");
    assert.deepEqual(attemptsOf(headers), trace);
  });

  test("what is too long is not written, and what nobody here wrote not read", () => {
    const long = { attempts: [{ ...note(1), model: "m".repeat(5_000) }] };
    assert.deepEqual(withAttempts(RECORD, long), RECORD);
    for (const text of [
      "",
      "x",
      "{}",
      '{"attempts":[{}]}',
      JSON.stringify({ attempts: Array.from({ length: 9 }, () => note(1)) }),
    ]) {
      assert.equal(attemptsOf({ "sluice-attempts": text }), undefined, text);
    }
  });
});
