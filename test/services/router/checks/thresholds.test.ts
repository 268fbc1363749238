/** Each tenant's own threshold. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cacheSchema } from "../../../../libs/shared/config/cache.ts";
import type { ShadowComparison } from "../../../../libs/shared/events/shadow.ts";
import { CHECKS_AGE_MS, Thresholds } from "../../../../services/router/checks/thresholds.ts";

const { semantic } = cacheSchema.parse({});
const START_MS = 1_000_000;

function setUp(base = 0.8) {
  let now_ms = START_MS;
  const thresholds = new Thresholds({ base, settings: semantic, clock: { now_ms: () => now_ms } });
  const add = (
    tenant: string,
    id: string,
    same: boolean,
    probability = 0.9,
    kind: "cache_check" | "tier" = "cache_check",
  ) => {
    const shadow: ShadowComparison["shadow"] = { kind, name: "cache", tenant, id, probability };
    thresholds.add({ shadow, same, at_ms: now_ms });
  };
  const wrong = (tenant: string, count: number) => {
    for (let at = 0; at < count; at += 1) add(tenant, `${at}`, false);
  };
  const pass = (wait_ms: number) => {
    now_ms += wait_ms;
  };
  return { thresholds, add, wrong, pass };
}

describe("thresholds by tenant", () => {
  test("are the fitted one without checks, and one tenant's checks are its own", () => {
    const { thresholds, wrong } = setUp();
    wrong("acme", 30);
    assert.equal(thresholds.of("acme"), undefined);
    assert.equal(thresholds.of("demo"), 0.8);
  });

  test("are none where the calibration promises none", () => {
    const none = new Thresholds({ base: undefined, settings: semantic, clock: { now_ms: () => 0 } });
    assert.equal(none.of("demo"), undefined);
  });

  test("count a comparison that is told twice once, and what is called wrong once as wrong", () => {
    const { thresholds, add } = setUp();
    for (let at = 0; at < 40; at += 1) add("acme", "same", false);
    assert.equal(thresholds.of("acme"), 0.8);
    add("acme", "same", true);
    assert.deepEqual([...thresholds.tenants()], [{ tenant: "acme", checks: 1, wrong: 1, threshold: 0.8 }]);
  });

  test("pass over comparisons of tiers", () => {
    const { thresholds, add } = setUp();
    for (let at = 0; at < 40; at += 1) add("acme", `${at}`, false, 0.9, "tier");
    assert.equal(thresholds.of("acme"), 0.8);
  });

  test("keep as many checks as the window, the oldest go first", () => {
    const { thresholds, add, wrong } = setUp();
    wrong("acme", 30);
    for (let at = 0; at < semantic.checks.window; at += 1) add("acme", `later-${at}`, true, 0.81);
    assert.deepEqual(
      [...thresholds.tenants()].map(({ checks, wrong }) => [checks, wrong]),
      [[200, 0]],
    );
    assert.equal(thresholds.of("acme"), 0.8);
  });

  test("forget after a week: what was ended is tried again", () => {
    const { thresholds, wrong, pass } = setUp();
    wrong("acme", 30);
    assert.equal(thresholds.of("acme"), undefined);
    pass(CHECKS_AGE_MS);
    assert.equal(thresholds.of("acme"), undefined);
    pass(60_001);
    assert.equal(thresholds.of("acme"), 0.8);
  });

  test("are the same on two routers that read the same", () => {
    const [one, other] = [setUp(), setUp()];
    for (let at = 0; at < 400; at += 1) {
      for (const { add } of [one, other]) add("acme", `${at}`, at % 37 !== 0, 0.75 + (at % 25) / 100);
      assert.equal(one.thresholds.of("acme"), other.thresholds.of("acme"));
    }
  });
});
