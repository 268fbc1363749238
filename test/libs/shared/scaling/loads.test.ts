/** How the work of each target stands, from beats and backlog. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Beat, Sample } from "../../../../libs/shared/beats/beat.ts";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import type { TargetLoad } from "../../../../libs/shared/scaling/contract.ts";
import { type BrokerLook, type LoadOptions, loadsOf, targetsOf } from "../../../../libs/shared/scaling/loads.ts";

const SETTINGS = `
tiers:
  small: { models: [a], limits: { requests_per_minute: 600 } }
  large: { models: [b], batch_api: { enabled: true } }
  embed: { kind: embeddings, models: [e] }
prices: { version: "1", models: { a: { input_usd_per_mtok: 1 }, b: { input_usd_per_mtok: 1 }, e: { input_usd_per_mtok: 1 } } }
routing: { default_tier: small, embeddings_tier: embed }
`;
const settings = parseSettings(SETTINGS, "sluice.yaml");
const BEFORE_MS = 1_000_000;
const NOW_MS = BEFORE_MS + 10_000;
const SMALL = "sluice.inference.small";
const LARGE = "sluice.inference.large";

type Counted = Readonly<Record<string, number>>;

/** `name{label=value,…}` to samples. */
function samples(values: Counted): Sample[] {
  return Object.entries(values).map(([key, value]) => {
    const [name = "", rest = ""] = key.split("{");
    const pairs = rest.replace("}", "").split(",").filter(Boolean);
    return { name, labels: Object.fromEntries(pairs.map((pair) => pair.split("="))), value };
  });
}

function beat(instance: string, values: Counted, more: Partial<Beat> = {}): Beat {
  const service = instance.split("-")[0] ?? "";
  return {
    ...{ service, instance, host: "h", pid: 1, tiers: [], draining: false, started_ms: 0, at_ms: NOW_MS },
    samples: samples(values),
    ...more,
  };
}

const earlier = (instance: string, values: Counted, more: Partial<Beat> = {}): Beat =>
  beat(instance, values, { at_ms: BEFORE_MS, ...more });

function broker(more: {
  readonly lag?: Readonly<Record<string, number>>;
  readonly age_ms?: Readonly<Record<string, number | null>>;
  readonly ends?: Readonly<Record<string, number>>;
}): BrokerLook {
  return {
    backlogs: Object.entries(more.lag ?? {}).map(([key, lag]) => {
      const [group = "", topic = ""] = key.split(" ");
      return { group, topic, lag, oldest_age_ms: more.age_ms?.[key] ?? null };
    }),
    ends: new Map(Object.entries(more.ends ?? {})),
    partitions: new Map([
      ["llm.requests", 4],
      ["llm.jobs.small", 8],
      ["llm.jobs.large", 12],
    ]),
  };
}

function load(
  name: string,
  beats: readonly [before: readonly Beat[], now: readonly Beat[]],
  brokers: readonly [before: BrokerLook, now: BrokerLook] = [broker({}), broker({})],
  more: Partial<LoadOptions> = {},
): TargetLoad {
  const loads = loadsOf({
    settings,
    before: { at_ms: BEFORE_MS, beats: beats[0], broker: brokers[0] },
    now: { at_ms: NOW_MS, beats: beats[1], broker: brokers[1] },
    ...more,
  });
  const found = loads.find(({ target }) => [target.service, target.tier].filter(Boolean).join(".") === name);
  assert.ok(found !== undefined, name);
  return found;
}

const names = (beats: readonly Beat[], changed = settings): string[] =>
  targetsOf(changed, beats).map(({ target }) => [target.service, target.tier].filter(Boolean).join("."));

describe("targets", () => {
  const worker = (instance: string, tiers: readonly string[]): Beat => beat(instance, {}, { tiers });

  test("are inference as one where a process serves several tiers, or none lives", () => {
    const together = ["ingest", "router", "inference", "results"];
    assert.deepEqual(names([]), together);
    assert.deepEqual(names([worker("inference-a", ["small", "large"])]), together);
    assert.deepEqual(names([worker("inference-a", ["small"]), worker("inference-b", ["small", "large"])]), together);
  });

  test("are one a tier where workers serve single ones, or the settings bound tiers", () => {
    const by_tier = ["ingest", "router", "inference.small", "inference.large", "inference.embed", "results"];
    assert.deepEqual(names([worker("inference-a", ["large"])]), by_tier);
    const bound = parseSettings(`${SETTINGS}scaling: { bounds: { inference.large: { min: 0 } } }`, "sluice.yaml");
    assert.deepEqual(names([], bound), by_tier);
  });
});

describe("a target's load", () => {
  const WORK = { [`sluice_group_in_flight_limit{group=sluice.ingest}`]: 100 };
  const ingest = (busy: number, done: number, more: Counted = {}): Counted => ({
    ...WORK,
    "sluice_group_busy_seconds_total{group=sluice.ingest}": busy,
    "sluice_records_done_total{group=sluice.ingest}": done,
    ...more,
  });

  test("has the rates, service time and utilisation of the time between two looks", () => {
    const before = [earlier("ingest-a", ingest(100, 1_000)), earlier("ingest-b", ingest(50, 500))];
    const now = [
      beat("ingest-a", ingest(400, 2_000, { "sluice_group_in_flight{group=sluice.ingest}": 30 })),
      beat("ingest-b", ingest(150, 1_500, { "sluice_group_in_flight{group=sluice.ingest}": 10 })),
    ];
    const lag = { "sluice.ingest llm.requests": 70, "sluice.ingest llm.requests.batch": 9_000 };
    const brokers = [
      broker({ ends: { "llm.requests": 100, "llm.requests.batch": 0 } }),
      broker({
        lag,
        age_ms: { "sluice.ingest llm.requests": 1_500, "sluice.ingest llm.requests.batch": 900_000 },
        ends: { "llm.requests": 1_100, "llm.requests.batch": 50 },
      }),
    ] as const;
    assert.deepEqual(load("ingest", [before, now], brokers), {
      target: { service: "ingest" },
      at_ms: NOW_MS,
      replicas: 2,
      starting: 0,
      partitions: 4,
      // The batch lane may wait; its arrivals are work all the same.
      lag_records: 70,
      oldest_age_ms: 1_500,
      arrivals_per_s: 105,
      done_per_s: 200,
      in_flight: 40,
      in_flight_limit: 200,
      utilisation: 0.2,
      service_ms: 200,
      error_ratio: 0,
      provider_limited_ratio: 0,
    });
  });

  test("is as utilised as the event loops where these are busier, what starts left out", () => {
    const loop = (seconds: number): Counted => ingest(0, 0, { sluice_event_loop_busy_seconds_total: seconds });
    const before = [earlier("ingest-a", loop(1)), earlier("ingest-b", loop(1))];
    const now = [
      beat("ingest-a", loop(6)),
      beat("ingest-b", loop(5)),
      beat("ingest-c", loop(2), { started_ms: NOW_MS - 2_000 }),
    ];
    assert.equal(load("ingest", [before, now]).utilisation, 0.45);
  });

  test("counts a process that started since from its start, and one that began anew from nothing", () => {
    const started = beat("ingest-a", ingest(10, 500), { started_ms: NOW_MS - 5_000 });
    assert.equal(load("ingest", [[], [started]]).done_per_s, 100);
    const reset = [[earlier("ingest-a", ingest(90, 9_000))], [beat("ingest-a", ingest(5, 300))]] as const;
    assert.equal(load("ingest", reset).done_per_s, 30);
  });

  test("has no rates of a process that was silent before, nor of one that has gone", () => {
    const appeared = beat("ingest-a", ingest(10, 500), { started_ms: 5 });
    const gone = earlier("ingest-b", ingest(10, 500));
    const { replicas, done_per_s, utilisation } = load("ingest", [[gone], [appeared]]);
    assert.deepEqual({ replicas, done_per_s, utilisation }, { replicas: 1, done_per_s: 0, utilisation: 0 });
  });

  test("counts who is leaving as no replica, and what it still does as done", () => {
    const before = [earlier("ingest-a", ingest(0, 0)), earlier("ingest-b", ingest(0, 0))];
    const now = [beat("ingest-a", ingest(10, 100)), beat("ingest-b", ingest(10, 100), { draining: true })];
    const { replicas, done_per_s, in_flight_limit } = load("ingest", [before, now]);
    assert.deepEqual({ replicas, done_per_s, in_flight_limit }, { replicas: 1, done_per_s: 20, in_flight_limit: 100 });
  });

  test("of a group without members is what the broker says, the batch lane too", () => {
    const lag = { "sluice.ingest llm.requests": 5, "sluice.ingest llm.requests.batch": 7 };
    const age_ms = { "sluice.ingest llm.requests.batch": 60_000 };
    const { replicas, lag_records, oldest_age_ms } = load("ingest", [[], []], [broker({}), broker({ lag, age_ms })]);
    assert.deepEqual({ replicas, lag_records, oldest_age_ms }, { replicas: 0, lag_records: 12, oldest_age_ms: 60_000 });
  });

  test("has the age that workers know below a second, and the broker's of what was not delivered", () => {
    const aged = { "sluice_oldest_unfinished_age_seconds{group=sluice.ingest,topic=llm.requests}": 0.4 };
    const at = (age_ms: number | null): number => {
      const lag = { "sluice.ingest llm.requests": 5 };
      const look = broker({ lag, age_ms: { "sluice.ingest llm.requests": age_ms } });
      return load("ingest", [[], [beat("ingest-a", aged)]], [broker({}), look]).oldest_age_ms;
    };
    assert.deepEqual([at(null), at(0), at(3_000)], [400, 400, 3_000]);
  });

  test("takes a topic that was made anew for what is there", () => {
    const brokers = [broker({ ends: { "llm.requests": 900 } }), broker({ ends: { "llm.requests": 50 } })] as const;
    assert.equal(load("ingest", [[], []], brokers).arrivals_per_s, 5);
  });

  test("tells of those who were asked for, until they have had their time to come", () => {
    const asked = (since_ms: number) => ({ asked: new Map([["ingest", { desired: 3, since_ms }]]) });
    const beats = [[], [beat("ingest-a", {})]] as const;
    assert.equal(load("ingest", beats, undefined, asked(NOW_MS - 5_000)).starting, 2);
    assert.equal(load("ingest", beats, undefined, asked(NOW_MS - 500_000)).starting, 0);
  });
});

describe("the load of inference", () => {
  const tier = (group: string, busy: number, done: number): Counted => ({
    [`sluice_group_in_flight_limit{group=${group}}`]: 10,
    [`sluice_group_busy_seconds_total{group=${group}}`]: busy,
    [`sluice_records_done_total{group=${group}}`]: done,
  });
  const both = { tiers: ["small", "large"] };

  test("is the work of the fullest tier, and the worst age and lag of all", () => {
    const before = [earlier("inference-a", { ...tier(SMALL, 0, 0), ...tier(LARGE, 0, 0) }, both)];
    const now = [beat("inference-a", { ...tier(SMALL, 10, 100), ...tier(LARGE, 90, 30) }, both)];
    const lag = { [`${SMALL} llm.jobs.small`]: 50, [`${LARGE} llm.jobs.large`]: 20 };
    const look = broker({ lag, age_ms: { [`${SMALL} llm.jobs.small`]: 4_000 } });
    const found = load("inference", [before, now], [broker({}), look]);
    assert.equal(found.utilisation, 0.9);
    assert.equal(found.service_ms, 3_000);
    assert.equal(found.partitions, 12);
    assert.equal(found.lag_records, 50);
    assert.equal(found.oldest_age_ms, 4_000);
    assert.equal(found.provider_max_per_s, undefined);
  });

  test("of one tier is that of its own workers, with its provider's limit", () => {
    const small = { tiers: ["small"] };
    const now = [beat("inference-a", tier(SMALL, 10, 100), small), beat("inference-b", {}, { tiers: ["large"] })];
    const found = load("inference.small", [[], now]);
    assert.equal(found.replicas, 1);
    assert.equal(found.provider_max_per_s, 10);
  });

  test("leaves what a provider's Batch API works on to it, though nobody is there", () => {
    const lag = { [`${LARGE} llm.jobs.large.batch`]: 5_000 };
    const worker = beat("inference-a", {}, { tiers: ["small"] });
    assert.equal(load("inference.large", [[], [worker]], [broker({}), broker({ lag })]).lag_records, 0);
  });

  const waiting = (busy: number, waits: Counted, labels = ""): number => {
    const small = { tiers: ["small"] };
    const sums = Object.entries(waits).map(([reason, s]) => [`sluice_wait_seconds_sum{reason=${reason}${labels}}`, s]);
    const before = [earlier("inference-a", tier(SMALL, 0, 0), small)];
    const now = [beat("inference-a", { ...tier(SMALL, busy, 100), ...Object.fromEntries(sums) }, small)];
    return load("inference.small", [before, now]).provider_limited_ratio;
  };

  test("is limited by the provider as far as its limits make the waits", () => {
    assert.equal(waiting(50, { limit: 20, breaker: 10, concurrency: 10, order: 40 }), 0.5);
    assert.equal(waiting(50, { order: 10 }), 0);
    assert.equal(waiting(50, { limit: 5, order: 5 }, ",tier=small"), 0.5);
  });

  test("is not limited by waits that are next to nothing beside the work", () => {
    assert.ok(waiting(50, { limit: 0.01 }) < 0.02);
    assert.equal(waiting(0, {}), 0);
  });

  test("counts refusals for the provider's rate as its limit, and other failures as errors", () => {
    const small = { tiers: ["small"] };
    const calls = (succeeded: number, limited: number, failed: number, rejected: number): Counted => ({
      "sluice_model_calls_total{tier=small,outcome=succeeded}": succeeded,
      "sluice_model_calls_total{tier=small,outcome=provider_rate_limited}": limited,
      "sluice_model_calls_total{tier=small,outcome=provider_timeout}": failed,
      "sluice_model_calls_total{tier=small,outcome=provider_rejected}": rejected,
    });
    const before = [earlier("inference-a", calls(10, 10, 10, 10), small)];
    const found = load("inference.small", [before, [beat("inference-a", calls(20, 70, 30, 20), small)]]);
    assert.equal(found.provider_limited_ratio, 0.6);
    assert.equal(found.error_ratio, 0.2);
  });
});
