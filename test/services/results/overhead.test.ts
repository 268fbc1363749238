/** What of a request's time was the pipeline's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { overhead_ms, whole_ms } from "../../../services/results/overhead.ts";

const call = (duration_ms: number, waited_ms: number) => ({
  ...{ tier: "small", model: "m", at_ms: 0, outcome: "ok" },
  ...{ duration_ms, waited_ms },
});
const OF = {
  timing: { received: 1_000 },
  trace: { attempts: [call(200, 50), call(100, 20)] },
};

test("is the whole less the calls and the waits before them", () => {
  assert.equal(whole_ms(OF, 1_400), 400);
  assert.equal(overhead_ms(OF, 1_400, false), 30);
  assert.equal(overhead_ms({ timing: OF.timing }, 1_007, false), 7);
});

test("is never less than nothing, whatever the clocks say", () => {
  assert.equal(whole_ms(OF, 900), 0);
  assert.equal(overhead_ms(OF, 1_100, false), 0);
});

test("is not told where it is not known", () => {
  assert.equal(overhead_ms({ ...OF, timing: {} }, 2_000, false), undefined);
  assert.equal(overhead_ms(OF, 2_000, true), undefined);
  assert.equal(overhead_ms({ ...OF, trace: { ...OF.trace, left_out: 1 } }, 2_000, false), undefined);
  assert.equal(overhead_ms({ ...OF, unknown_calls: 1 }, 2_000, false), undefined);
  const route = { tier: "small", model: "m", endpoint: "e", reason: "r", cache: "coalesced", attempts: 0 } as const;
  assert.equal(overhead_ms({ timing: OF.timing, route }, 2_000, false), undefined);
});
