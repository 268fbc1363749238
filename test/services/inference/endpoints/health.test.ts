import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { CallEnd } from "../../../../services/inference/backend.ts";
import { CALLS_MIN, EndpointHealth } from "../../../../services/inference/endpoints/health.ts";

const THRESHOLDS = { window_calls: 20, degraded_error_ratio: 0.2, unhealthy_error_ratio: 0.6 };

function after(...ends: readonly (readonly [CallEnd, number])[]): EndpointHealth {
  const health = new EndpointHealth(THRESHOLDS);
  for (const [end, times] of ends) for (let call = 0; call < times; call += 1) health.called(end);
  return health;
}

describe("calls", () => {
  const table: readonly (readonly [name: string, ends: readonly (readonly [CallEnd, number])[], state: string])[] = [
    ["none", [], "healthy"],
    ["too few to tell", [["failed", CALLS_MIN - 1]], "healthy"],
    [
      "one failure in five",
      [
        ["answered", 16],
        ["failed", 4],
      ],
      "degraded",
    ],
    ["all failed", [["failed", CALLS_MIN]], "unhealthy"],
    ["nothing but 429", [["overloaded", 20]], "degraded"],
    [
      "429 and failures short of unhealthy",
      [
        ["overloaded", 10],
        ["failed", 10],
      ],
      "degraded",
    ],
    [
      "refused keys and calls given up",
      [
        ["key_refused", 20],
        ["aborted", 20],
      ],
      "healthy",
    ],
    [
      "failures beyond the window",
      [
        ["failed", 3],
        ["answered", 20],
      ],
      "healthy",
    ],
  ];
  for (const [name, ends, state] of table) test(name, () => assert.equal(after(...ends).state, state));

  test("turns are told once, with where from", () => {
    const health = after(["failed", CALLS_MIN - 1]);
    assert.deepEqual(health.called("failed"), { from: "healthy", to: "unhealthy" });
    assert.equal(health.called("failed"), undefined);
  });

  test("a degraded one turns healthy below half the ratio that degraded it", () => {
    const health = after(["answered", 16], ["failed", 4]);
    // The window still holds the four failures until the sixteen good calls before them have gone.
    for (let call = 0; call < 16; call += 1) assert.equal(health.called("answered"), undefined);
    assert.equal(health.called("answered"), undefined);
    assert.equal(health.called("answered"), undefined);
    assert.deepEqual(health.called("answered"), { from: "degraded", to: "healthy" });
  });

  test("an unhealthy one that is called all the same comes back by its answers", () => {
    const health = after(["failed", 10], ["answered", 18]);
    assert.equal(health.state, "degraded");
    assert.equal(health.error_ratio, 0);
  });
});

describe("probes", () => {
  test("two good ones lift an unhealthy endpoint to degraded, and its past is forgotten", () => {
    const health = after(["failed", 20]);
    assert.equal(health.probed(true), undefined);
    assert.deepEqual(health.probed(true), { from: "unhealthy", to: "degraded" });
    assert.equal(health.error_ratio, 0);
    for (let call = 1; call < CALLS_MIN; call += 1) assert.equal(health.called("answered"), undefined);
    assert.deepEqual(health.called("answered"), { from: "degraded", to: "healthy" });
  });

  test("a bad one between them begins the count anew", () => {
    const health = after(["failed", 20]);
    health.probed(true);
    health.probed(false);
    assert.equal(health.probed(true), undefined);
    assert.equal(health.state, "unhealthy");
  });

  test("good ones from before it fell ill do not count", () => {
    const health = new EndpointHealth(THRESHOLDS);
    health.probed(true);
    for (let call = 0; call < CALLS_MIN; call += 1) health.called("failed");
    assert.equal(health.probed(true), undefined);
  });

  test("they never make a degraded one healthy", () => {
    const health = after(["answered", 8], ["failed", 2]);
    for (let probe = 0; probe < 10; probe += 1) assert.equal(health.probed(true), undefined);
    assert.equal(health.state, "degraded");
  });

  test("two bad ones make any endpoint unhealthy; an answer between them excuses the first", () => {
    const health = new EndpointHealth(THRESHOLDS);
    assert.equal(health.known, false);
    assert.equal(health.probed(false), undefined);
    assert.equal(health.known, true);
    health.called("answered");
    assert.equal(health.probed(false), undefined);
    assert.deepEqual(health.probed(false), { from: "healthy", to: "unhealthy" });
  });
});

test("the ratio is that of the last calls, and every change told leads on from the one before", () => {
  const ends = fc.array(fc.constantFrom<CallEnd | boolean>("answered", "overloaded", "failed", "aborted", true, false));
  fc.assert(
    fc.property(ends, (all) => {
      const health = new EndpointHealth({ ...THRESHOLDS, window_calls: 7 });
      let state = "healthy";
      let window: CallEnd[] = [];
      for (const end of all) {
        const change = typeof end === "boolean" ? health.probed(end) : health.called(end);
        if (typeof end !== "boolean" && end !== "aborted") window = [...window, end].slice(-7);
        if (change?.from === "unhealthy") window = [];
        if (change !== undefined) assert.equal(change.from, state);
        state = change?.to ?? state;
        assert.equal(health.state, state);
        const failures = window.filter((one) => one === "failed").length;
        assert.equal(health.error_ratio, window.length === 0 ? 0 : failures / window.length);
      }
    }),
  );
});
