/** Which answers are asked of another tier too. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ShadowSettings } from "../../../libs/shared/config/routing.ts";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import type { Ending } from "../../../libs/shared/events/outcomes.ts";
import { shadowsOf } from "../../../services/inference/shadowing.ts";
import { jsonCodec, NAMES } from "../../support/memory-ports.ts";
import { jobOf } from "./fixture.ts";

const ALL: ShadowSettings = { to: "large", share: 1, budget_day_usd: 1 };
const request = Buffer.from('{"tenant":"demo","body":{"messages":[]}}');
const succeeded: Ending = { status: "succeeded", route: jobOf().route, timing: {} };

function shadows(settings: Partial<ShadowSettings>, job: Partial<JobHead> = {}, ending: Ending = succeeded) {
  const answered = { record: { headers: {} }, job: jobOf(job), request };
  return shadowsOf({ codec: jsonCodec, names: NAMES }, { try: { ...ALL, ...settings } }, answered, ending);
}

describe("what a tier has answered", () => {
  const route = jobOf().route;
  const table: readonly (readonly [what: string, number, Parameters<typeof shadows>])[] = [
    ["is asked of the other tier", 1, [{}]],
    ["is asked where the tier is among those meant", 1, [{ from: ["small"] }]],
    ["is left where it is not", 0, [{ from: ["medium"] }]],
    ["is left where the other tier is the same", 0, [{ to: "small" }]],
    ["is asked for the tenants meant", 1, [{ tenants: ["demo"] }]],
    ["is left for others", 0, [{ tenants: ["acme"] }]],
    ["is left outside of the share", 0, [{ share: 0 }]],
    ["is left where it failed", 0, [{}, {}, { ...succeeded, status: "failed" }]],
    ["is left where it is a run itself", 0, [{}, { tenant: "sluice.shadow.other" }]],
    ["is left where it is a check of the cache", 0, [{}, { tenant: "sluice.cache-check" }]],
    ["is left for embeddings", 0, [{}, { kind: "embeddings" }]],
    ["goes by the tier that answered in the end", 0, [{}, {}, { ...succeeded, route: { ...route, tier: "large" } }]],
  ];
  for (const [what, count, given] of table) {
    test(what, () => assert.equal(shadows(...given).length, count));
  }

  test("is asked by each shadow for itself, and the same again when the job is repeated", () => {
    const both = { try: ALL, other: { ...ALL, to: "medium" } };
    const answered = { record: { headers: {} }, job: jobOf(), request };
    const ask = () => shadowsOf({ codec: jsonCodec, names: NAMES }, both, answered, succeeded);
    assert.equal(ask().length, 2);
    assert.deepEqual(ask(), ask());
  });
});
