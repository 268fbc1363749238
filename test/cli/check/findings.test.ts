/** What `sluice check` finds in what the parts say. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AccessFacts, accessFindings } from "../../../cli/check/access.ts";
import { clockFindings } from "../../../cli/check/clocks.ts";
import type { Finding, Level } from "../../../cli/check/finding.ts";
import { hostClocks, infoOf } from "../../../cli/check/gather-stores.ts";
import { kafkaFindings, listed } from "../../../cli/check/kafka.ts";
import { type EndpointFacts, modelFindings } from "../../../cli/check/models.ts";
import { postgresFindings, redisFindings, registryFindings } from "../../../cli/check/stores.ts";
import { readEnvironment } from "../../../libs/shared/config/environment.ts";
import { type Settings, settingsSchema } from "../../../libs/shared/config/schema.ts";
import type { KafkaFacts } from "../../../libs/shared/kafka/cluster-facts.ts";
import { planTopics } from "../../../libs/shared/kafka/topology.ts";

const BASE = {
  tiers: { small: { models: ["m"] }, embed: { kind: "embeddings", models: ["e"] } },
  routing: { default_tier: "small", embeddings_tier: "embed" },
  prices: {
    version: "1",
    models: { m: { input_usd_per_mtok: 1, output_usd_per_mtok: 1 }, e: { input_usd_per_mtok: 1 } },
  },
  plans: { default: { budgets: { tenant_day_usd: 5 } } },
};
const settingsOf = (changes: object = {}): Settings => settingsSchema.parse({ ...BASE, ...changes });
const SETTINGS = settingsOf();
const PLANS = planTopics(SETTINGS);

const of = (findings: readonly Finding[], check: string): Level | undefined =>
  findings.find((one) => one.check === check)?.level;
const bad = (findings: readonly Finding[]): string[] =>
  findings.filter(({ level }) => level !== "ok").map(({ check }) => check);

const THREE: KafkaFacts = {
  brokers: 3,
  broker_config: {
    "unclean.leader.election.enable": "false",
    "auto.create.topics.enable": "false",
    "offsets.retention.minutes": "10080",
    "replica.fetch.max.bytes": "17825792",
  },
  topics: PLANS.map(({ topic, partitions, config }) => ({
    topic,
    partitions,
    replicas: 3,
    in_sync: 3,
    config: { "cleanup.policy": "delete", "min.insync.replicas": "2", ...config },
  })),
};
const kafka = (changes: Partial<KafkaFacts>, settings = SETTINGS) =>
  kafkaFindings(settings, planTopics(settings), { ...THREE, ...changes });
const topicsWith = (config: Record<string, string>) =>
  THREE.topics.map((topic) => ({ ...topic, config: { ...topic.config, ...config } }));

describe("Kafka", () => {
  test("three brokers with everything set right are well", () => {
    assert.deepEqual(bad(kafka({})), []);
  });

  const cases: [string, Partial<KafkaFacts>, string, Level][] = [
    ["a topic that is missing", { topics: THREE.topics.slice(1) }, "topics", "failure"],
    ["one broker", { brokers: 1 }, "brokers", "warning"],
    [
      "one replica",
      { topics: THREE.topics.map((one) => ({ ...one, replicas: 1, in_sync: 1 })) },
      "replication",
      "warning",
    ],
    ["one replica that suffices", { topics: topicsWith({ "min.insync.replicas": "1" }) }, "min_insync", "failure"],
    ["all replicas needed", { topics: topicsWith({ "min.insync.replicas": "3" }) }, "min_insync", "failure"],
    ["a replica behind", { topics: THREE.topics.map((one) => ({ ...one, in_sync: 2 })) }, "in_sync", "failure"],
    [
      "a short retention",
      { topics: topicsWith({ "retention.ms": "1000", "cleanup.policy": "delete" }) },
      "retention",
      "failure",
    ],
    ["a compacted work topic", { topics: topicsWith({ "cleanup.policy": "compact" }) }, "cleanup", "failure"],
    ["small records", { topics: topicsWith({ "max.message.bytes": "1000" }) }, "record_size", "failure"],
    [
      "unclean elections",
      { broker_config: { "unclean.leader.election.enable": "true" } },
      "unclean_election",
      "failure",
    ],
    ["topics made by asking", { broker_config: { "auto.create.topics.enable": "true" } }, "auto_create", "warning"],
    [
      "offsets that are forgotten",
      { broker_config: { "offsets.retention.minutes": "1440" } },
      "offsets_retention",
      "warning",
    ],
  ];
  for (const [name, changes, check, level] of cases) {
    test(name, () => {
      const found = kafka(changes);
      assert.equal(of(found, check), level);
      assert.ok(found.filter((one) => one.level !== "ok").every(({ fix }) => fix !== undefined));
    });
  }

  test("a monthly cap defers for longer than topics keep", () => {
    assert.equal(of(kafka({}), "deferral"), "ok");
    const monthly = settingsOf({ plans: { default: { budgets: { tenant_month_usd: 5 } } } });
    assert.equal(of(kafka({}, monthly), "deferral"), "warning");
    const patient = settingsOf({
      plans: { default: { budgets: { tenant_month_usd: 5 } } },
      topics: { retention_hours: 800 },
    });
    assert.equal(of(kafka({}, patient), "deferral"), "ok");
  });

  test("many topics are named in part", () => {
    assert.equal(listed(["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
  });
});

describe("Redis", () => {
  const info = {
    redis_version: "7.2.1",
    aof_enabled: "1",
    maxmemory_policy: "noeviction",
    connected_slaves: "1",
    maxmemory: "0",
  };
  const node = { node: "redis", info, config: { appendfsync: "everysec" } };

  test("one with a file, no eviction and a replica is well", () => {
    assert.deepEqual(bad(redisFindings([node])), []);
  });

  const cases: [string, Record<string, string>, string, Level][] = [
    ["too old", { redis_version: "5.0.14" }, "redis_version", "failure"],
    ["no file", { aof_enabled: "0" }, "redis_persistence", "failure"],
    ["eviction", { maxmemory_policy: "allkeys-lru" }, "redis_eviction", "failure"],
    ["no replica", { connected_slaves: "0" }, "redis_replica", "warning"],
    ["nearly full", { maxmemory: "1000", used_memory: "900" }, "redis_memory", "warning"],
  ];
  for (const [name, changes, check, level] of cases) {
    test(name, () => assert.equal(of(redisFindings([{ ...node, info: { ...info, ...changes } }]), check), level));
  }

  test("of a cluster every master is looked at, and named", () => {
    const second = { ...node, node: "b:6379", info: { ...info, aof_enabled: "0" } };
    const [finding] = redisFindings([{ ...node, node: "a:6379" }, second]).filter(({ level }) => level !== "ok");
    assert.match(finding?.what ?? "", /^b:6379: /);
  });

  test("INFO is read by its lines", () => {
    assert.deepEqual(infoOf("# Server\r\nredis_version:7.2.1\r\n\r\n# Memory\r\nos:Linux 6.1: x\r\n"), {
      redis_version: "7.2.1",
      os: "Linux 6.1: x",
    });
  });
});

describe("Postgres and the registry", () => {
  const facts = {
    version_num: 180_000,
    settings: { fsync: "on", full_page_writes: "on", synchronous_commit: "on", max_connections: "100" },
    connections: 14,
    steps_missing: 0,
  };

  test("what would lose a claim is a failure", () => {
    assert.deepEqual(bad(postgresFindings(facts)), []);
    const careless = { ...facts, settings: { ...facts.settings, synchronous_commit: "off", fsync: "off" } };
    assert.deepEqual(bad(postgresFindings(careless)), ["postgres_fsync", "postgres_synchronous_commit"]);
    assert.deepEqual(bad(postgresFindings({ ...facts, connections: 95, steps_missing: 2, version_num: 120_005 })), [
      "postgres_version",
      "postgres_schema",
      "postgres_connections",
    ]);
  });

  test("subjects that are missing, refused or held to another level are named", () => {
    const subjects = [
      { subject: "a", fits: undefined },
      { subject: "b", fits: false, level: "FORWARD" },
      { subject: "c", fits: true, level: "NONE" },
    ];
    const found = registryFindings(SETTINGS, { compatibility: "NONE", subjects });
    assert.deepEqual(bad(found), ["schemas", "schema_compatibility", "compatibility_level"]);
    assert.deepEqual(
      bad(registryFindings(SETTINGS, { compatibility: undefined, subjects: [{ subject: "a", fits: true }] })),
      [],
    );
  });
});

describe("models", () => {
  const endpoint: EndpointFacts = {
    name: "default",
    base_url: "https://api.example.com/v1",
    keys: 1,
    answer: { status: 200 },
    is_mock: false,
  };

  test("a price for each, a budget and an endpoint that answers are well", () => {
    assert.deepEqual(bad(modelFindings(SETTINGS, [endpoint])), []);
  });

  test("a model without a price is worse where it passes as free", () => {
    const prices = { version: "1", models: { e: { input_usd_per_mtok: 1 } } };
    assert.equal(of(modelFindings(settingsOf({ prices }), []), "prices"), "warning");
    const passing = settingsOf({ prices, admission: { unknown_price: "allow" } });
    assert.equal(of(modelFindings(passing, []), "prices"), "failure");
  });

  const cases: [string, Partial<EndpointFacts>, string, Level][] = [
    ["an address over plain HTTP", { base_url: "http://10.0.0.5/v1" }, "endpoint_tls", "failure"],
    ["a refused key", { answer: { status: 401 } }, "endpoint_reached", "failure"],
    ["no answer", { answer: { error: "connect ECONNREFUSED" } }, "endpoint_reached", "failure"],
    ["the mock", { is_mock: true }, "endpoint_mock", "warning"],
    ["no key", { keys: 0 }, "endpoint_key", "warning"],
    ["no address here", { base_url: undefined }, "endpoint_address", "note"],
  ];
  for (const [name, changes, check, level] of cases) {
    test(name, () => assert.equal(of(modelFindings(SETTINGS, [{ ...endpoint, ...changes }]), check), level));
  }
});

describe("access", () => {
  const facts = (env: Record<string, string>, changes: Partial<AccessFacts> = {}): AccessFacts => ({
    environment: readEnvironment({
      KAFKA_BROKERS: "127.0.0.1:9092",
      SCHEMA_REGISTRY_URL: "http://127.0.0.1:8081",
      REDIS_URL: "redis://127.0.0.1:6379",
      DATABASE_URL: "postgres://sluice@127.0.0.1/sluice",
      SLUICE_SECRET_KEY: "ab".repeat(32),
      SLUICE_FILES_URL: "s3://bucket/files",
      ...env,
    }),
    keys: [{ kind: "key", id: "k", tenant: "demo", hash: "0".repeat(64), scopes: ["submit"], created_ms: 0 }],
    now_ms: 1_000,
    gateway_host: "127.0.0.1",
    by_up: false,
    ...changes,
  });

  test("all on this machine is well without TLS", () => {
    assert.deepEqual(bad(accessFindings(SETTINGS, facts({}))), []);
  });

  test("over the network, what is not encrypted is a failure, part by part", () => {
    const far = facts({
      KAFKA_BROKERS: "kafka-1:9092,kafka-2:9092",
      SCHEMA_REGISTRY_URL: "http://registry:8081",
      REDIS_URL: "redis://redis:6379",
      DATABASE_URL: "postgres://sluice@db/sluice",
    });
    assert.deepEqual(bad(accessFindings(SETTINGS, far)), [
      "kafka_tls",
      "registry_tls",
      "redis_tls",
      "postgres_tls",
      "kafka_sasl",
    ]);
  });

  test("old keys, no secret, and an open door are told", () => {
    const found = accessFindings(
      SETTINGS,
      facts({ SLUICE_SECRET_KEY: "" }, { now_ms: 200 * 86_400_000, gateway_host: "0.0.0.0" }),
    );
    assert.deepEqual(bad(found), ["secret_key", "old_keys", "gateway_tls"]);
    assert.equal(of(accessFindings(SETTINGS, facts({ SLUICE_SECRET_KEY: "" }, { by_up: true })), "secret_key"), "ok");
  });
});

describe("clocks", () => {
  const level = (ahead_ms: number, took_ms = 2): Level | undefined =>
    of(clockFindings([{ who: "redis", ahead_ms, took_ms }]), "clock");

  test("a second is a failure, a quarter of one a warning", () => {
    assert.deepEqual([level(5), level(-400), level(1_500)], ["ok", "warning", "failure"]);
  });

  test("what the question took is not held against it", () => {
    assert.equal(level(900, 1_600), "ok");
  });

  test("other hosts are known by their newest beat", () => {
    const beat = { service: "router", host: "other", pid: 1, tiers: [], draining: false, started_ms: 0, samples: [] };
    const clocks = hostClocks(
      [
        { ...beat, instance: "a", at_ms: 5_000 },
        { ...beat, instance: "b", at_ms: 9_000 },
      ],
      2_000,
      10_000,
    );
    assert.deepEqual(clocks, [{ who: "other", ahead_ms: 0, took_ms: 4_000 }]);
  });
});
