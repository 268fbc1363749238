/** What a traffic needs to run, and where more of the same does not help. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Capacity, capacity, type Site, UNITS } from "../../../../libs/shared/cost/capacity.ts";
import { walls } from "../../../../libs/shared/cost/capacity-limits.ts";
import { bytesOf, FOOTPRINT } from "../../../../libs/shared/cost/footprint.ts";
import type { Traffic } from "../../../../libs/shared/cost/forecast.ts";

const TRAFFIC: Traffic = {
  // 100 a second, 400 at the peak.
  requests_per_day: 8_640_000,
  tokens_in: 500,
  tokens_out: 200,
  hit_ratio: 0,
  tiers: [
    { tier: "small", share: 0.75, input_usd_per_mtok: 0, output_usd_per_mtok: 0, service_ms: 2_000, in_flight_max: 64 },
    { tier: "large", share: 0.25, input_usd_per_mtok: 0, output_usd_per_mtok: 0, service_ms: 4_000, in_flight_max: 64 },
  ],
  escalated_ratio: 0,
  peak_factor: 4,
};
const SITE: Site = {
  retention_hours: 168,
  replication_factor: 3,
  seen_ttl_hours: 24,
  job_view_ttl_hours: 24,
  cache_ttl_hours: 24,
  keep_days: 30,
  embedding_workers: 0,
  largest_tenant_share: 0.2,
  tiers: 3,
  retry_delays: 3,
  gpus: {},
};
const of = (traffic: Partial<Traffic> = {}, site: Partial<Site> = {}): Capacity =>
  capacity({ ...TRAFFIC, ...traffic }, { ...SITE, ...site }, FOOTPRINT);
const replicas = (found: Capacity, service: string, tier?: string): number | undefined =>
  found.services.find((one) => one.service === service && one.tier === tier)?.replicas;

describe("a capacity", () => {
  test("has workers for the calls in flight at the peak, by Little's law", () => {
    const found = of();
    // 300 a second for 2 s are 600 calls; 64 places, seven tenths of them used.
    assert.equal(found.tiers[0]?.calls_in_flight, 600);
    assert.equal(replicas(found, "inference", "small"), Math.ceil(600 / (64 * 0.7)));
    assert.equal(found.services.find(({ tier }) => tier === "small")?.bound_by, "calls in flight");
  });

  test("has two of each at the least, for one may end", () => {
    const found = of({ requests_per_day: 1 });
    assert.ok(found.services.every((one) => one.replicas === UNITS.replicas_min && one.bound_by === "one may end"));
  });

  test("embeds with threads of routers, and with none where the cache does not look by meaning", () => {
    const [with_threads, without] = [of({}, { embedding_workers: 2 }), of()];
    const embedding_ms = FOOTPRINT.cpu_ms.embedding + FOOTPRINT.cpu_ms.embedding_per_token * 256;
    assert.equal(replicas(with_threads, "router"), Math.ceil((400 * embedding_ms) / 1_000 / 0.7 / 2));
    assert.equal(replicas(without, "router"), 2);
  });

  test("counts requests and tokens of each tier as its provider does", () => {
    const [small, large] = of({ hit_ratio: 0.5, escalated_ratio: 0.2 }).tiers;
    assert.ok(Math.abs((small?.requests_per_minute ?? 0) - 400 * 0.5 * 0.75 * 60) < 1e-6);
    // What the weaker tier's answers did not satisfy is asked for again.
    assert.ok(Math.abs((large?.requests_per_minute ?? 0) - 400 * 0.5 * (0.25 + 0.75 * 0.2) * 60) < 1e-6);
    assert.ok(Math.abs((small?.tokens_per_minute ?? 0) - (small?.requests_per_minute ?? 0) * 700) < 1e-6);
  });

  test("has GPUs for reading and writing, of tiers that have some", () => {
    const found = of({}, { gpus: { small: { prefill_tokens_per_s: 20_000, decode_tokens_per_s: 2_500 } } });
    // 300 a second: 7.5 GPUs read, 24 write.
    assert.deepEqual([found.tiers[0]?.gpus, found.tiers[0]?.gpu_bound_by], [Math.ceil(31.5 / 0.7), "decode"]);
    assert.equal(found.tiers[1]?.gpus, undefined);
  });

  test("keeps what the settings say, as long as they say", () => {
    const each = (bytes: (typeof FOOTPRINT)["topics"]): number => bytesOf(bytes, TRAFFIC);
    const { kafka, redis, postgres } = of();
    const per_request = each(FOOTPRINT.topics) * 7 + each(FOOTPRINT.ledger) * 40 + each(FOOTPRINT.cache);
    assert.ok(Math.abs(kafka.disk_bytes / (8_640_000 * per_request * 3) - 1) < 1e-9);
    assert.ok(Math.abs(postgres.disk_bytes / (8_640_000 * 30 * each(FOOTPRINT.postgres)) - 1) < 1e-9);
    const shorter = of({}, { job_view_ttl_hours: 1 }).redis.memory_bytes;
    assert.ok(Math.abs(redis.memory_bytes - shorter - (8_640_000 * each(FOOTPRINT.job_view) * 23) / 24) < 1);
  });

  test("has partitions for every member of the largest group, in numbers that members divide", () => {
    const found = of();
    assert.ok(found.kafka.partitions >= (replicas(found, "inference", "large") ?? 0));
    assert.ok([4, 6, 8, 12, 16, 24, 32, 48].includes(found.kafka.partitions), String(found.kafka.partitions));
  });

  test("never shrinks as the traffic grows", () => {
    const size = (found: Capacity): number[] => [
      ...found.services.map((one) => one.replicas),
      found.kafka.partitions,
      found.kafka.brokers,
      found.kafka.disk_bytes,
      found.redis.nodes,
      found.postgres.disk_bytes,
    ];
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e9, noNaN: true }),
        fc.double({ min: 1, max: 20, noNaN: true }),
        (requests_per_day, times) => {
          const [less, more] = [
            size(of({ requests_per_day })),
            size(of({ requests_per_day: requests_per_day * times })),
          ];
          assert.ok(less.every((value, at) => (more[at] ?? 0) >= value));
        },
      ),
    );
  });
});

describe("walls", () => {
  const at = (found: Capacity, limits = {}) =>
    walls(found, SITE, { entries_max: 100_000, limits }).filter(({ value, limit }) => value > limit);

  test("a small traffic meets none", () => {
    assert.deepEqual(at(of({ requests_per_day: 50_000 })), []);
  });

  test("the largest tenant's one node of Redis", () => {
    // 0.25 ms a request, one core, seven tenths of it: 2,800 a second, of which the tenant has a fifth.
    const requests_per_day = (2_800 / 0.2 / 4) * 86_400;
    const of_tenant = (times: number) =>
      at(of({ requests_per_day: requests_per_day * times })).some(({ name }) => name === "redis_tenant");
    assert.deepEqual([of_tenant(0.99), of_tenant(1.01)], [false, true]);
  });

  test("a provider's limits, with what would be asked of it", () => {
    const [wall] = at(of({ requests_per_day: 50_000 }), { small: { requests_per_minute: 100 } });
    assert.equal(wall?.name, "provider_requests");
    assert.ok(Math.abs((wall?.value ?? 0) - (50_000 / 1_440) * 4 * 0.75) < 1e-6);
  });

  test("those that are passed the furthest come first", () => {
    const found = walls(of({ requests_per_day: 1e10 }), SITE, { entries_max: 100_000, limits: {} });
    const ratios = found.map(({ value, limit }) => value / limit);
    assert.deepEqual(
      ratios,
      [...ratios].sort((left, right) => right - left),
    );
  });
});
