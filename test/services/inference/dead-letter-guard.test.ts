/** When inference holds instead of burying what comes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DeadLetterGuard } from "../../../services/inference/dead-letter-guard.ts";

const SETTINGS = { ratio: 0.8, window_requests: 20, pause_ms: 1_000 };
const TRIALS = 2;
const GO = { kind: "go" };

function tripped(now_ms: number): DeadLetterGuard {
  const guard = new DeadLetterGuard(SETTINGS);
  for (let count = 0; count < SETTINGS.window_requests; count += 1) guard.record(true, now_ms);
  assert.ok(guard.holds);
  return guard;
}

describe("the dead-letter guard", () => {
  test("lets everything go on while most of it ends well", () => {
    const guard = new DeadLetterGuard(SETTINGS);
    for (let count = 0; count < 1_000; count += 1) {
      assert.deepEqual(guard.allows(count), GO);
      guard.record(count % 4 !== 0, count);
      assert.equal(guard.holds, false, "75 % are dead");
    }
  });

  test("trips when the part of dead ones is reached, and not before the window is full", () => {
    const guard = new DeadLetterGuard(SETTINGS);
    for (let count = 1; count < SETTINGS.window_requests; count += 1) guard.record(true, 0);
    assert.equal(guard.holds, false);
    guard.record(true, 5);
    assert.equal(guard.holds, true);
    assert.deepEqual(guard.allows(5), { kind: "wait", wait_ms: 1_000 });
    assert.deepEqual(guard.allows(905), { kind: "wait", wait_ms: 100 });
  });

  test("looks at the last endings alone", () => {
    const guard = new DeadLetterGuard(SETTINGS);
    for (let count = 0; count < 1_000; count += 1) guard.record(false, 0);
    for (let count = 0; count < 15; count += 1) guard.record(true, 0);
    assert.equal(guard.holds, false);
    guard.record(true, 0);
    assert.equal(guard.holds, true, "16 of the last 20");
  });

  test("after the pause some trials go on, the others wait for what comes of them", () => {
    const guard = tripped(0);
    for (let trial = 0; trial < TRIALS; trial += 1) assert.deepEqual(guard.allows(1_000), GO);
    assert.deepEqual(guard.allows(1_000), { kind: "wait", wait_ms: 1_000 });
    assert.deepEqual(guard.allows(1_900), { kind: "wait", wait_ms: 100 });
    guard.record(false, 1_900);
    assert.equal(guard.holds, true, "one trial is still out");
    guard.record(false, 1_950);
    assert.equal(guard.holds, false);
    for (let count = 0; count < 100; count += 1) assert.deepEqual(guard.allows(1_950), GO);
  });

  test("bad trials trip it again", () => {
    const guard = tripped(0);
    for (let trial = 0; trial < TRIALS; trial += 1) guard.allows(1_000);
    for (let trial = 0; trial < TRIALS; trial += 1) guard.record(true, 1_500);
    assert.deepEqual(guard.allows(1_600), { kind: "wait", wait_ms: 900 });
    assert.deepEqual(guard.allows(2_500), GO);
  });

  test("what began before it tripped says nothing while it is tripped", () => {
    const guard = tripped(0);
    for (let count = 0; count < 100; count += 1) guard.record(false, 500);
    assert.equal(guard.allows(500).kind, "wait");
  });

  test("trials that never end are replaced", () => {
    const guard = tripped(0);
    for (let trial = 0; trial < TRIALS; trial += 1) guard.allows(1_000);
    assert.equal(guard.allows(1_999).kind, "wait");
    assert.deepEqual(guard.allows(2_000), GO);
  });

  test("the smallest window is one request, and one trial", () => {
    const guard = new DeadLetterGuard({ ratio: 1, window_requests: 1, pause_ms: 10 });
    guard.record(true, 0);
    assert.deepEqual(guard.allows(0), { kind: "wait", wait_ms: 10 });
    assert.deepEqual(guard.allows(10), GO);
    guard.record(false, 11);
    assert.deepEqual(guard.allows(11), GO);
  });

  test("never holds for good: whoever asks again when told to goes on within the pause, if trials end well", () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(400)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (all) => {
        const guard = new DeadLetterGuard(SETTINGS);
        let now_ms = 0;
        for (const [dead, pass_ms] of all) {
          now_ms += pass_ms;
          const leave = guard.allows(now_ms);
          if (leave.kind === "go") guard.record(dead, now_ms);
          else assert.ok(leave.wait_ms > 0 && leave.wait_ms <= SETTINGS.pause_ms);
        }
        const calm_ms = now_ms;
        for (let asked = 0; guard.holds; asked += 1) {
          assert.ok(asked < 100);
          const leave = guard.allows(now_ms);
          if (leave.kind === "go") guard.record(false, now_ms);
          else now_ms += leave.wait_ms;
        }
        assert.ok(now_ms - calm_ms <= SETTINGS.pause_ms * 2);
      }),
    );
  });
});
