/** The pool with the tier's real limits: many calls at once on virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdaptiveConcurrency } from "../../../../services/inference/limits/adaptive-concurrency.ts";
import { RateLimiter } from "../../../../services/inference/limits/rate-limiter.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { ANSWERED, BREAKER, createFixture, even, FAILED } from "./pool-fixture.ts";

test("every call comes through, within the concurrency of each endpoint, though one of them fails for a while", async () => {
  const clock = new VirtualClock();
  const settings = { min: 1, decrease: 0.5, latency_factor: 5 };
  const made = new Map(["a", "b"].map((name) => [name, new AdaptiveConcurrency({ settings, max: 4, clock })] as const));
  const { pool } = createFixture(["a", "b"], {
    clock,
    strategy: "peak_ewma",
    limiter: new RateLimiter({ store: undefined, clock }),
    createConcurrency: (name) => made.get(name) as AdaptiveConcurrency,
    breaker: { ...BREAKER, calls_min: 5 },
  });
  const random = even();
  let done = 0;
  const failures = { count: 0 };
  const call = async (avoid: ReadonlySet<string>): Promise<void> => {
    const permit = await pool.permit({
      requests: 1,
      tokens: 10,
      source: { topic: "jobs", partition: 0 },
      until_ms: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
      avoid,
    });
    assert.ok(permit.kind === "permit");
    const { in_flight = 0 } = made.get(permit.endpoint) ?? {};
    assert.ok(in_flight >= 1 && in_flight <= 4);
    const latency_ms = 50 + Math.floor(100 * random());
    await new Promise<void>((resolve) => void clock.after(latency_ms, resolve));
    const fails = permit.endpoint === "a" && clock.now_ms() - START_MS < 3_000;
    permit.end({ ...(fails ? FAILED : ANSWERED), latency_ms });
    if (!fails) done += 1;
    else {
      failures.count += 1;
      await call(new Set([permit.endpoint]));
    }
  };
  for (let number = 0; number < 500; number += 1) void call(new Set());
  assert.equal(await clock.run(() => done === 500, START_MS + 120_000), true);
  assert.ok(failures.count > 0 && failures.count < 50, `${failures.count} failures`);
  assert.equal(pool.waiting, 0);
  for (const { in_flight } of pool.views()) assert.equal(in_flight, 0);
});
