import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import {
  type Breaker,
  type BreakerOutcome,
  type BreakerState,
  createBreaker,
} from "../../../../services/inference/endpoints/breaker.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const SETTINGS = { failure_ratio: 0.5, window_ms: 1_000, calls_min: 4, open_ms: 500 };

function create(settings: Partial<typeof SETTINGS> = {}) {
  const clock = new VirtualClock();
  const changes: string[] = [];
  const told = (from: BreakerState, to: BreakerState): void => void changes.push(`${from}→${to}`);
  const breaker = createBreaker({ ...SETTINGS, ...settings }, clock, told);
  const pass = async (ms: number): Promise<void> => {
    const until_ms = clock.now_ms() + ms;
    clock.after(ms, () => {});
    await clock.run(() => clock.now_ms() >= until_ms, until_ms);
  };
  return { clock, changes, breaker, pass };
}

async function calls(breaker: Breaker, outcome: BreakerOutcome, times: number): Promise<void> {
  for (let call = 0; call < times; call += 1) {
    const one = breaker.begin();
    assert.ok(one !== undefined);
    one.end(outcome);
    // The library settles its state over some microtasks.
    await setImmediate();
  }
}

test("it opens at the ratio, of enough calls, and lets nothing through", async () => {
  const { breaker, changes } = create();
  await calls(breaker, "ok", 2);
  await calls(breaker, "failed", 1);
  assert.equal(breaker.state, "closed");
  await calls(breaker, "failed", 1);
  assert.equal(breaker.state, "open");
  assert.equal(breaker.allows(), false);
  assert.equal(breaker.begin(), undefined);
  assert.equal(breaker.msUntilHalfOpen(), 500);
  assert.deepEqual(changes, ["closed→open"]);
});

test("a ratio of 1 opens when every call failed", async () => {
  const { breaker } = create({ failure_ratio: 1 });
  await calls(breaker, "failed", 4);
  assert.equal(breaker.state, "open");
});

test("failures that lie further back than the window do not count", async () => {
  const { breaker, pass } = create();
  await calls(breaker, "failed", 3);
  await pass(1_100);
  await calls(breaker, "failed", 3);
  assert.equal(breaker.state, "closed");
});

test("calls given up say nothing", async () => {
  const { breaker } = create();
  await calls(breaker, "unknown", 20);
  await calls(breaker, "failed", 3);
  assert.equal(breaker.state, "closed");
});

test("half-open, one call tries; its success closes and clears", async () => {
  const { breaker, changes, pass } = create();
  await calls(breaker, "failed", 4);
  await pass(499);
  assert.equal(breaker.allows(), false);
  await pass(1);
  assert.equal(breaker.allows(), true);
  assert.equal(breaker.msUntilHalfOpen(), 0);
  const trial = breaker.begin();
  assert.equal(breaker.state, "half_open");
  assert.equal(breaker.allows(), false);
  assert.equal(breaker.begin(), undefined);
  trial?.end("ok");
  trial?.end("failed");
  await setImmediate();
  assert.equal(breaker.state, "closed");
  assert.deepEqual(changes, ["closed→open", "open→half_open", "half_open→closed"]);
  await calls(breaker, "failed", 2);
  assert.equal(breaker.state, "closed", "failures from before it opened are forgotten");
});

test("half-open, its failure opens for as long again", async () => {
  const { breaker, pass } = create();
  await calls(breaker, "failed", 4);
  await pass(500);
  await calls(breaker, "failed", 1);
  assert.equal(breaker.state, "open");
  assert.equal(breaker.msUntilHalfOpen(), 500);
});

test("half-open, a trial that was given up leaves its place to the next call at once", async () => {
  const { breaker, pass } = create();
  await calls(breaker, "failed", 4);
  await pass(500);
  await calls(breaker, "unknown", 1);
  assert.equal(breaker.allows(), true);
  await calls(breaker, "failed", 1);
  assert.equal(breaker.msUntilHalfOpen(), 500);
});

test("a call from before it opened neither closes it nor opens it anew", async () => {
  const { breaker, pass } = create();
  const [one, other] = [breaker.begin(), breaker.begin()];
  await calls(breaker, "failed", 4);
  one?.end("ok");
  await setImmediate();
  assert.equal(breaker.state, "open");
  await pass(500);
  const trial = breaker.begin();
  other?.end("failed");
  await setImmediate();
  assert.equal(breaker.state, "half_open");
  trial?.end("ok");
  await setImmediate();
  assert.equal(breaker.state, "closed");
});

test("it lives on the clock that it was given", async () => {
  const { clock, breaker, pass } = create({ open_ms: 10_000_000 });
  await calls(breaker, "failed", 4);
  await pass(10_000_000);
  assert.equal(clock.now_ms(), START_MS + 10_000_000);
  assert.equal(breaker.allows(), true);
});
