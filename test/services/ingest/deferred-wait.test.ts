/** What a deferred request waited for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deferredWait } from "../../../services/ingest/deferred-wait.ts";

const at = (trail: string) => deferredWait({ "sluice-trail": trail }, 5_000);

test("is told by the last place that deferred it", () => {
  assert.deepEqual(at("llm.requests 0 1 1000 0 deferred:budget:tenant_day"), { reason: "budget", waited_ms: 4_000 });
  const twice = "llm.requests 0 1 1000 0 deferred:velocity:tenant;llm.deferred 0 1 2000 0 deferred:rate_tokens:tenant";
  assert.deepEqual(at(twice), { reason: "tenant_limit", waited_ms: 3_000 });
  assert.deepEqual(at("llm.requests 0 1 9000 0 deferred:budget:session"), { reason: "budget", waited_ms: 0 });
  assert.equal(at("llm.requests 0 1 1000 0"), undefined);
  assert.equal(deferredWait({}, 5_000), undefined);
});
