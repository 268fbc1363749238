/** What a job's request is held for suffices at admission, which refuses it for less. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { resolvePlan } from "../../../../libs/shared/budgets/plan.ts";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import { planSchema } from "../../../../libs/shared/config/plans.ts";
import { loadEncodings } from "../../../../libs/shared/estimate/encodings.ts";
import { termsOf } from "../../../../services/ingest/terms.ts";
import { capped, mapRequest } from "../../../../services/results/map-reduce/asked.ts";
import { boundBy } from "../../../../services/results/map-reduce/bounds.ts";
import { choose } from "../../../../services/results/map-reduce/spending.ts";
import { SPEC } from "./map-reduce-world.ts";

const settings = parseSettings(
  readFileSync(new URL("../../../../sluice.yaml", import.meta.url), "utf8"),
  "sluice.yaml",
);
const encodings = await loadEncodings(settings.prices.models);
const bound = boundBy(settings, encodings);
const plan = resolvePlan({ plans: { p: planSchema.parse({}) }, tenants: { acme: { plan: "p" } } }, "acme");
const tiers = Object.entries(settings.tiers).flatMap(([name, { kind }]) => (kind === "chat" ? [name] : []));

function admitted(request: ReturnType<typeof mapRequest>): ReturnType<typeof termsOf> {
  assert.ok(plan);
  const { body, tier } = request;
  const head = {
    ...({ id: "r", tenant: "acme", content_hash: "h", kind: "chat", lane: "batch", timing: {} } as const),
    ...(tier === undefined ? {} : { tier }),
    ...(body.model === undefined ? {} : { model: body.model }),
  };
  return termsOf(request, head, plan, { now_ms: 0, settings, encodings });
}

describe("the bound of a request", () => {
  test("is what admission holds for it, to the nano-dollar", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 3_000 }),
        fc.constantFrom(undefined, ...tiers),
        fc.nat(4_000),
        (text, tier, more) => {
          const map = { ...SPEC.map, max_output_tokens: more + 1, ...(tier === undefined ? {} : { tier }) };
          const request = mapRequest("mr_1", { ...SPEC, map }, 0, text);
          const bound_nusd = bound(request) as number;
          const within = admitted(capped(request, bound_nusd));
          assert.equal(within.kind === "terms" ? within.needs.reserved_nusd : within.error.message, bound_nusd);
          if (bound_nusd < 2 || tier === undefined) return;
          assert.equal(admitted(capped(request, bound_nusd - 1)).kind, "refused");
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is unknown without a price, unless that is allowed", () => {
    const { [Object.keys(settings.prices.models)[0] as string]: _first, ...models } = settings.prices.models;
    const map = { ...SPEC.map, model: settings.tiers[tiers[0] as string]?.models[0] as string };
    const unpriced = { ...settings, prices: { ...settings.prices, models: map.model in models ? {} : models } };
    const request = mapRequest("mr_1", { ...SPEC, map }, 0, "x");
    assert.equal(boundBy(unpriced, encodings)(request), undefined);
    const allowed = { ...unpriced, admission: { ...settings.admission, unknown_price: "allow" as const } };
    assert.equal(boundBy(allowed, encodings)(request), 0);
  });
});

describe("what is written within a budget", () => {
  test("never comes to more than is left, in order", () => {
    const candidates = fc.array(fc.nat(100), { maxLength: 20 });
    fc.assert(
      fc.property(candidates, fc.nat(1_000), fc.nat(500), fc.nat(300), (bounds, budget_nusd, cost_nusd, lost_nusd) => {
        const state = { waves: [], past: { cost_nusd, requests: 0 }, lost_nusd, budget_nusd };
        const asked = bounds.map((bound_nusd, item) => ({ item, tries: 1, bound_nusd }));
        const { written, over_budget } = choose(state, asked);
        const sum = written.reduce((total, [, , one]) => total + one, 0);
        assert.ok(written.every(([, , one]) => one === 0) || cost_nusd + lost_nusd + sum <= budget_nusd);
        assert.deepEqual(
          written.map(([item]) => item),
          bounds.slice(0, written.length).map((_one, item) => item),
        );
        const next = bounds[written.length];
        assert.equal(over_budget, next !== undefined);
        if (next !== undefined) assert.ok(cost_nusd + lost_nusd + sum + next > budget_nusd);
      }),
    );
  });
});
