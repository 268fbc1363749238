/** Each finding by figures that ask for it, and figures that only look like it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findingsOf, hasBottleneck } from "../../../../libs/shared/advice/findings.ts";
import type { Observation } from "../../../../libs/shared/advice/observation.ts";
import { BEHIND, calls, endpoint, member, observation, partition, stage, tier } from "./observations.ts";

const SMALL = "inference.small";
const FULL = { in_flight: 64, utilisation: 1, members: [member({ in_flight: 64, done_per_s: 10 })] };
const full = (more: object = {}) => ({
  ...BEHIND,
  ...FULL,
  calls: calls({ in_flight: 60, endpoints: [endpoint({ in_flight: 62 })] }),
  ...more,
});
const slow_redis = [{ name: "redis", calls_per_s: 20, mean_ms: 120, share: 0.9 }];
const one_partition = [0, 1, 2, 3].map((at) =>
  partition({ topic: `t.${SMALL}`, partition: at, arrivals_per_s: at === 0 ? 31 : 3, lag: at === 0 ? 590 : 3 }),
);
const even = one_partition.map((one) => ({ ...one, arrivals_per_s: 10 }));

const CASES: readonly (readonly [what: string, first: string, of: Observation])[] = [
  ["nothing waits", "pipeline nothing_limits", observation([])],
  [
    "what waits gets less",
    "router catching_up",
    observation([stage("router", { lag: 300, growth_per_s: -30, done_per_s: 70, oldest_age_ms: 9_000 })]),
  ],
  ["nobody is there", "router no_consumer", observation([stage("router", { ...BEHIND, members: [] })])],
  [
    "a member is silent",
    `${SMALL} stalled_consumer`,
    observation([
      stage(SMALL, {
        ...BEHIND,
        members: [member(), member({ instance: "two", silent_ms: 9_000, lag: 300, done_per_s: 0 })],
      }),
    ]),
  ],
  [
    "a long call is no stall",
    `${SMALL} too_few_replicas`,
    observation([
      stage(SMALL, {
        ...BEHIND,
        members: [member(), member({ instance: "two", lag: 300, done_per_s: 0, in_flight: 30 })],
      }),
    ]),
  ],
  ["Redis is slow", "ingest dependency_slow", observation([stage("ingest", { ...BEHIND, dependencies: slow_redis })])],
  [
    "all seems slow to a process without time",
    "ingest cpu_bound",
    observation([stage("ingest", { ...BEHIND, dependencies: slow_redis, members: [member({ loop_busy: 0.97 })] })]),
  ],
  [
    "Redis is slow, and nobody waits for it",
    "pipeline nothing_limits",
    observation([stage("ingest", { dependencies: slow_redis })]),
  ],
  [
    "the provider refuses",
    `${SMALL} provider_limit`,
    observation([stage(SMALL, full({ calls: calls({ endpoints: [endpoint({ throttled_per_s: 15 })] }) }))]),
  ],
  [
    "the tier's own limit",
    `${SMALL} provider_limit`,
    observation([stage(SMALL, full({ waiting: { limit: 50 } }))], { tier: tier({ requests_per_minute: 600 }) }),
  ],
  [
    "one refusal in a hundred is no limit",
    `${SMALL} undersized_pool`,
    observation([
      stage(
        SMALL,
        full({ calls: calls({ in_flight: 60, endpoints: [endpoint({ throttled_per_s: 0.3, in_flight: 62 })] }) }),
      ),
    ]),
  ],
  [
    "one of two is slow",
    `${SMALL} slow_endpoint`,
    observation(
      [
        stage(
          SMALL,
          full({
            calls: calls({
              in_flight: 60,
              endpoints: [endpoint({ in_flight: 10 }), endpoint({ name: "b", latency_ms: 3_000, in_flight: 50 })],
            }),
          }),
        ),
      ],
      { tier: tier({ endpoints: ["default", "b"], balancing: "round_robin" }) },
    ),
  ],
  [
    "all are slower than they were",
    `${SMALL} slow_endpoint`,
    observation([
      stage(
        SMALL,
        full({
          calls: calls({
            in_flight: 60,
            latency_ms: 900,
            endpoints: [endpoint({ in_flight: 62, latency_before_ms: 100 })],
          }),
        }),
      ),
    ]),
  ],
  [
    "an endpoint fails",
    `${SMALL} failing_endpoint`,
    observation([stage(SMALL, full({ calls: calls({ endpoints: [endpoint({ failed_per_s: 30 })] }) }))]),
  ],
  [
    "one key has most of a partition",
    `${SMALL} skewed_key`,
    observation([stage(SMALL, { ...BEHIND, partitions: one_partition })], {
      hot_keys: [{ topic: `t.${SMALL}`, partition: 0, share: 0.9, keys: 20, records: 500 }],
    }),
  ],
  [
    "of even arrivals a partition's lag is no skew",
    `${SMALL} too_few_replicas`,
    observation([stage(SMALL, { ...BEHIND, partitions: even })]),
  ],
  [
    "more members than partitions",
    `${SMALL} too_few_partitions`,
    observation([
      stage(
        SMALL,
        full({
          partitions: [partition({ topic: `t.${SMALL}` })],
          members: [
            member({ in_flight: 64 }),
            member({ instance: "two", partitions: 0, arrivals_per_s: 0, lag: 0, in_flight: 0 }),
          ],
        }),
      ),
    ]),
  ],
  [
    "an event loop is full",
    "router cpu_bound",
    observation([stage("router", { ...BEHIND, members: [member({ loop_busy: 0.95 })] })]),
  ],
  [
    "all embedding threads work",
    "router cpu_bound",
    observation([stage("router", { ...BEHIND, pools: [{ name: "embedding", in_use: 2, limit: 2, waiting: 80 }] })]),
  ],
  [
    "calls carry little",
    `${SMALL} small_batches`,
    observation([stage(SMALL, full())], { tier: tier({ kind: "embeddings", batch_size_max: 1 }) }),
  ],
  ["chat has a call each", `${SMALL} undersized_pool`, observation([stage(SMALL, full())])],
  [
    "the cache is cold",
    "router cold_cache",
    observation([stage(SMALL, full())], {
      cache: { hits_per_s: 1, misses_per_s: 40, hit_ratio: 0.03, entries: 9, before: { hit_ratio: 0.9, of: "hour" } },
    }),
  ],
  [
    "hits are as few as they were",
    `${SMALL} undersized_pool`,
    observation([stage(SMALL, full())], {
      cache: { hits_per_s: 1, misses_per_s: 40, hit_ratio: 0.03, entries: 9, before: { hit_ratio: 0.04, of: "hour" } },
    }),
  ],
  [
    "the later of two long queues lets out what comes out",
    "results dependency_slow",
    observation([
      stage("router", { ...BEHIND, members: [member({ loop_busy: 0.95 })] }),
      stage("results", { ...BEHIND, dependencies: [{ name: "postgres", calls_per_s: 20, mean_ms: 300, share: 0.8 }] }),
    ]),
  ],
];

describe("what is named first", () => {
  for (const [what, first, of] of CASES) {
    test(`where ${what}: ${first}`, () => {
      const findings = findingsOf(of);
      const named = findings.map(({ stage: at, what }) => `${at} ${what}`);
      assert.equal(named[0], first, named.join(", "));
      assert.equal(hasBottleneck(findings), !/nothing_limits|catching_up/.test(first));
      assert.deepEqual(
        [...findings],
        findings.toSorted((one, other) => other.score - one.score),
      );
      for (const { summary, change, gain } of findings) {
        assert.doesNotMatch(`${summary} ${change} ${JSON.stringify(gain)}`, /NaN|undefined|Infinity/);
      }
    });
  }

  test("a cold cache is a risk while the tier keeps up", () => {
    const cache = {
      hits_per_s: 1,
      misses_per_s: 40,
      hit_ratio: 0.03,
      entries: 9,
      before: { hit_ratio: 0.9, of: "day" as const },
    };
    const findings = findingsOf(observation([], { cache }));
    assert.deepEqual(
      findings.map(({ what, severity }) => `${what} ${severity}`),
      ["cold_cache risk", "nothing_limits note"],
    );
    assert.equal(hasBottleneck(findings), false);
  });

  test("a key is named only where it was asked for", () => {
    const stages = [stage(SMALL, { ...BEHIND, partitions: one_partition })];
    const hot = { topic: `t.${SMALL}`, partition: 0, share: 0.9, keys: 20, records: 500 };
    const of = (key: object) => JSON.stringify(findingsOf(observation(stages, { hot_keys: [{ ...hot, ...key }] })));
    assert.match(of({ key: "alice" }), /alice/);
    assert.match(of({}), /--keys/);
  });
});
