/** The limit on calls in flight against how calls end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CallEnd } from "../../../../services/inference/backend.ts";
import { AimdLimit } from "../../../../services/inference/limits/aimd.ts";

const SETTINGS = { min: 4, decrease: 0.5, latency_factor: 5 };

/** Ends calls one after the other, each sent when the one before ended. */
function endings(
  aimd: AimdLimit,
  count: number,
  end: CallEnd,
  latency_ms: (at: number) => number,
  from_ms = 0,
): number {
  let now_ms = from_ms;
  for (let at = 0; at < count; at += 1) {
    now_ms += latency_ms(at);
    aimd.ended({ end, latency_ms: latency_ms(at), now_ms, in_flight: aimd.limit });
  }
  return now_ms;
}

describe("the limit on calls in flight", () => {
  test("starts at the most; a burst of refusals counts once", () => {
    const aimd = new AimdLimit(SETTINGS, 64);
    assert.equal(aimd.limit, 64);
    for (let at = 0; at < 40; at += 1) {
      aimd.ended({ end: "overloaded", latency_ms: 50, now_ms: 1_000 + at, in_flight: 64 - at });
    }
    assert.equal(aimd.limit, 32);
    aimd.ended({ end: "failed", latency_ms: 50, now_ms: 1_050, in_flight: 20 });
    assert.equal(aimd.limit, 16, "sent after the decrease");
  });

  test("keeps within its bounds, also when the least is above the most", () => {
    const aimd = new AimdLimit(SETTINGS, 64);
    const now_ms = endings(aimd, 20, "overloaded", () => 10);
    assert.equal(aimd.limit, 4);
    endings(aimd, 10_000, "answered", () => 10, now_ms);
    assert.equal(aimd.limit, 64);
    const narrow = new AimdLimit(SETTINGS, 2);
    endings(narrow, 20, "failed", () => 10);
    assert.equal(narrow.limit, 2);
  });

  test("a limit's worth of successes adds one, when it was used", () => {
    const aimd = new AimdLimit(SETTINGS, 64);
    const now_ms = endings(aimd, 1, "overloaded", () => 10);
    endings(aimd, 33, "answered", () => 10, now_ms);
    assert.equal(aimd.limit, 33);
    for (let at = 0; at < 1_000; at += 1) {
      aimd.ended({ end: "answered", latency_ms: 10, now_ms: now_ms + 1_000 + at, in_flight: 3 });
    }
    assert.equal(aimd.limit, 33, "hardly used, it says nothing");
  });

  test("what says nothing of load changes nothing", () => {
    const aimd = new AimdLimit(SETTINGS, 64);
    endings(aimd, 50, "aborted", () => 10);
    endings(aimd, 50, "key_refused", () => 10);
    assert.equal(aimd.limit, 64);
  });

  test("long answers among short ones are no overload", () => {
    const aimd = new AimdLimit(SETTINGS, 64);
    endings(aimd, 2_000, "answered", (at) => (at % 3 === 0 ? 20_000 : 500));
    assert.equal(aimd.limit, 64);
  });

  test("latency far above the usual is; when it lasts, it becomes the usual", () => {
    const aimd = new AimdLimit(SETTINGS, 64);
    let now_ms = endings(aimd, 200, "answered", () => 500);
    now_ms = endings(aimd, 40, "answered", () => 5_000, now_ms);
    assert.ok(aimd.limit <= 33 && aimd.limit >= 4, `${aimd.limit}`);
    endings(aimd, 20_000, "answered", () => 5_000, now_ms);
    assert.equal(aimd.limit, 64);
  });
});
