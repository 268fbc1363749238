/** The traffic of a forecast: given, seen, or usual. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Live } from "../../../cli/cost/live.ts";
import { type TrafficFlags, trafficOf } from "../../../cli/cost/traffic.ts";
import { forecastText } from "../../../cli/cost/view.ts";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { forecast } from "../../../libs/shared/cost/forecast.ts";

const SETTINGS = parseSettings(
  `
tiers: { small: { models: [s] }, large: { models: [l] }, embedding: { kind: embeddings, models: [e] } }
routing: { default_tier: small, embeddings_tier: embedding }
prices: { version: "1", models: { s: { input_usd_per_mtok: 1, output_usd_per_mtok: 2 }, l: { input_usd_per_mtok: 5, output_usd_per_mtok: 9 }, e: { input_usd_per_mtok: 1 } } }
`,
  "sluice.yaml",
);

const LIVE: Live = {
  requests: 1_000,
  span_ms: 3_600_000,
  hits: 100,
  escalated: 60,
  minute_max: 50,
  tiers: [
    { tier: "small", calls: 600, tokens_in: 100, tokens_out: 10, service_ms: 300 },
    { tier: "large", calls: 300, tokens_in: 400, tokens_out: 40, service_ms: 900 },
  ],
};

const of = (flags: TrafficFlags, live?: Live) => trafficOf(SETTINGS, flags, live);

describe("traffic", () => {
  test("without live figures has what is given, and defaults", () => {
    const { tiers, ...rest } = of({ requestsPerDay: 1_000, hitRate: 0.5 });
    assert.deepEqual(rest, {
      requests_per_day: 1_000,
      tokens_in: 500,
      tokens_out: 200,
      hit_ratio: 0.5,
      escalated_ratio: 0,
      peak_factor: 3,
    });
    assert.deepEqual(
      tiers.map(({ tier, share, input_usd_per_mtok }) => [tier, share, input_usd_per_mtok]),
      [["small", 1, 1]],
    );
  });

  test("from live figures is what was seen, for a day", () => {
    const traffic = of({}, LIVE);
    assert.equal(traffic.requests_per_day, 24_000);
    assert.deepEqual([traffic.tokens_in, traffic.tokens_out, traffic.hit_ratio], [200, 20, 0.1]);
    assert.deepEqual([traffic.escalated_ratio, traffic.peak_factor], [0.1, 3]);
    assert.deepEqual(
      traffic.tiers.map(({ tier, share, service_ms }) => [tier, share, service_ms]),
      [
        ["small", 2 / 3, 300],
        ["large", 1 / 3, 900],
      ],
    );
  });

  test("what is given goes before what was seen", () => {
    const { hit_ratio, tiers } = of({ hitRate: 0.4, mix: { large: 3, small: 1 } }, LIVE);
    assert.equal(hit_ratio, 0.4);
    assert.deepEqual(
      tiers.map(({ share }) => share),
      [0.25, 0.75],
    );
  });

  for (const [what, flags, live, message] of [
    ["a tier that is not there", { requestsPerDay: 1, mix: { huge: 1 } }, undefined, /no tier huge/],
    ["nothing to begin with", {}, undefined, /how many requests a day/],
    ["nothing seen", {}, { ...LIVE, requests: 0, tiers: [] }, /no request has succeeded/],
    ["a few minutes, for a day", {}, { ...LIVE, span_ms: 60_000 }, /less than 10 minutes/],
  ] as const) {
    test(`is refused with ${what}`, () => assert.throws(() => of(flags, live), message));
  }
});

test("a forecast names what it assumes, what it costs and what it needs", () => {
  const traffic = of({ requestsPerDay: 864_000, mix: { small: 0.8, large: 0.2 }, hitRate: 0.2 });
  const text = forecastText(traffic, forecast(traffic));
  for (const part of ["864,000 requests a day", "small 80.0 %", "a month", "a topic", "escalated"]) {
    assert.ok(text.includes(part), text);
  }
});
