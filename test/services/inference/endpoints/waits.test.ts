import assert from "node:assert/strict";
import { test } from "node:test";
import { WaitTimes } from "../../../../services/inference/endpoints/waits.ts";

test("time goes to the reason that holds; the same reason again adds up", () => {
  const waits = new WaitTimes("concurrency");
  waits.start("breaker", 100);
  waits.start("breaker", 150);
  waits.start("limit", 200);
  waits.start("breaker", 230);
  waits.stop(240);
  waits.stop(900);
  assert.deepEqual(waits.waited_ms, { breaker: 110, limit: 30 });
});

test("what took no time is not named", () => {
  const waits = new WaitTimes("concurrency");
  waits.start("limit", 5);
  waits.stop(5);
  assert.deepEqual(waits.waited_ms, {});
});

test("a refusal names what was waited for last", () => {
  const waits = new WaitTimes("concurrency");
  assert.equal(waits.refusal(0).reason, "concurrency");
  waits.start("breaker", 10);
  assert.deepEqual(waits.refusal(15), { kind: "refused", reason: "breaker", waited_ms: { breaker: 5 } });
});
