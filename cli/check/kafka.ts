/** Whether topics keep what they must, and outlive a broker. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { KafkaFacts, TopicFacts } from "../../libs/shared/kafka/cluster-facts.ts";
import type { TopicPlan } from "../../libs/shared/kafka/topology.ts";
import { type Finding, Findings } from "./finding.ts";

const HOUR_MS = 3_600_000;
const REPLICAS_MIN = 3;
const IN_SYNC_MIN = 2;

export function kafkaFindings(settings: Settings, plans: readonly TopicPlan[], facts: KafkaFacts): readonly Finding[] {
  const findings = new Findings("kafka");
  const there = new Map(facts.topics.map((topic) => [topic.topic, topic]));
  const missing = plans.filter(({ topic }) => !there.has(topic)).map(({ topic }) => topic);
  findings.expect(
    "topics",
    missing.length === 0,
    `all ${plans.length} topics are there`,
    "failure",
    `${listed(missing)} ${missing.length === 1 ? "is" : "are"} missing`,
    "Run `npx sluice topics`.",
  );
  replication(findings, facts);
  retention(findings, settings, plans, there);
  sizes(findings, plans, facts, there);
  brokerSettings(findings, settings, facts);
  return findings.found;
}

function replication(findings: Findings, { brokers, topics }: KafkaFacts): void {
  findings.expect(
    "brokers",
    brokers >= REPLICAS_MIN,
    `${brokers} brokers`,
    "warning",
    `${brokers} ${brokers === 1 ? "broker" : "brokers"}: with fewer than ${REPLICAS_MIN}, nothing can be written while one is away, or something is lost`,
    "Run three brokers or more.",
  );
  const few = topics.filter(({ replicas }) => replicas < REPLICAS_MIN);
  findings.expect(
    "replication",
    few.length === 0,
    `every topic has ${REPLICAS_MIN} replicas or more`,
    "warning",
    `${listed(few.map(({ topic, replicas }) => `${topic} (${replicas})`))}: fewer than ${REPLICAS_MIN} replicas, so a lost disk takes requests and the ledger with it`,
    "Set topics.replication_factor to 3 before topics are made; for those that are there, kafka-reassign-partitions.sh.",
  );
  const unsafe = topics.filter(({ config, replicas }) => {
    const least = Number(config["min.insync.replicas"] ?? 1);
    return replicas >= REPLICAS_MIN && (least < IN_SYNC_MIN || least >= replicas);
  });
  // Of fewer replicas nothing better can be asked; that is said above.
  if (few.length < topics.length)
    findings.expect(
      "min_insync",
      unsafe.length === 0,
      "what is acknowledged is on two disks or more, and one broker may be away",
      "failure",
      `${listed(unsafe.map(({ topic, config }) => `${topic} (${config["min.insync.replicas"] ?? 1})`))}: min.insync.replicas lets what was acknowledged be lost, or one broker's end stop all writing`,
      "kafka-configs.sh --alter --entity-type topics --entity-name <topic> --add-config min.insync.replicas=2, with three replicas.",
    );
  const behind = topics.filter(({ in_sync, replicas }) => in_sync < replicas);
  findings.expect(
    "in_sync",
    behind.length === 0,
    "all replicas are in sync",
    "failure",
    `${listed(behind.map(({ topic, in_sync, replicas }) => `${topic} (${in_sync} of ${replicas})`))}: replicas are behind`,
    "Look after the brokers that are away: kafka-topics.sh --describe --under-replicated-partitions.",
  );
}

/** What is waiting must not be taken by retention before its time. */
function retention(
  findings: Findings,
  settings: Settings,
  plans: readonly TopicPlan[],
  there: ReadonlyMap<string, TopicFacts>,
): void {
  const short = plans.flatMap(({ topic, config }) => {
    const [wanted, actual] = [Number(config["retention.ms"] ?? -1), there.get(topic)?.config["retention.ms"]];
    if (actual === undefined || config["cleanup.policy"] === "compact") return [];
    const kept_ms = Number(actual);
    const less = kept_ms >= 0 && (wanted < 0 || kept_ms < wanted);
    return less ? [`${topic} (${hours(kept_ms)} of ${hours(wanted)})`] : [];
  });
  findings.expect(
    "retention",
    short.length === 0,
    "topics keep records as long as the settings say",
    "failure",
    `${listed(short)}: records go earlier than the settings say`,
    "kafka-configs.sh --alter --entity-type topics --entity-name <topic> --add-config retention.ms=<ms>.",
  );
  const kept_ms =
    settings.topics.retention_hours < 0 ? Number.POSITIVE_INFINITY : settings.topics.retention_hours * HOUR_MS;
  const deferred_ms = longestDeferralMs(settings);
  findings.expect(
    "deferral",
    kept_ms >= deferred_ms,
    `a deferred request waits ${hours(deferred_ms)} at the most, and is kept ${hours(kept_ms)}`,
    "warning",
    `a request that waits for a budget to be new may wait ${hours(deferred_ms)}, and llm.deferred keeps it ${hours(kept_ms)}`,
    "Raise topics.retention_hours (744 for monthly caps), or give requests deadlines.",
  );
  const wrong = plans.filter(({ topic, config }) => {
    const actual = there.get(topic)?.config["cleanup.policy"];
    return actual !== undefined && (config["cleanup.policy"] ?? "delete") !== actual;
  });
  findings.expect(
    "cleanup",
    wrong.length === 0,
    "compacted topics are compacted, and no others",
    "failure",
    `${listed(wrong.map(({ topic }) => topic))}: cleanup.policy is not what Sluice needs`,
    "kafka-configs.sh --alter --add-config cleanup.policy=compact for llm.cache and llm.tenants, delete for the others.",
  );
}

/** Until the budgets that a plan has are new again. */
function longestDeferralMs({ plans, tenants }: Settings): number {
  const caps = [
    ...Object.values(plans).map(({ budgets }) => budgets),
    ...Object.values(tenants).map(({ overrides }) => overrides?.budgets ?? {}),
  ];
  const has = (name: string): boolean =>
    caps.some((each) => ((each as Record<string, unknown>)[name] ?? undefined) !== undefined);
  if (has("tenant_month_usd")) return 31 * 24 * HOUR_MS;
  return has("tenant_day_usd") || has("user_day_usd") ? 24 * HOUR_MS : HOUR_MS;
}

function sizes(
  findings: Findings,
  plans: readonly TopicPlan[],
  { broker_config }: KafkaFacts,
  there: ReadonlyMap<string, TopicFacts>,
): void {
  const small = plans.filter(({ topic, config }) => {
    const actual = there.get(topic)?.config["max.message.bytes"];
    return actual !== undefined && Number(actual) < Number(config["max.message.bytes"] ?? 0);
  });
  findings.expect(
    "record_size",
    small.length === 0,
    "the largest record fits every topic",
    "failure",
    `${listed(small.map(({ topic }) => topic))}: max.message.bytes is less than topics.record_bytes_max needs`,
    "kafka-configs.sh --alter --add-config max.message.bytes=<bytes>; `npx sluice topics` says which differ.",
  );
  const replicated = broker_config["replica.fetch.max.bytes"];
  const largest = Math.max(...plans.map(({ config }) => Number(config["max.message.bytes"] ?? 0)));
  if (replicated === undefined) return;
  findings.expect(
    "replica_fetch",
    Number(replicated) >= largest,
    "replicas can fetch the largest record at once",
    "note",
    `replica.fetch.max.bytes is ${replicated}, less than the largest record (${largest}): such a record is replicated alone`,
    "Raise it on the brokers.",
  );
}

function brokerSettings(findings: Findings, settings: Settings, { broker_config }: KafkaFacts): void {
  const unclean = broker_config["unclean.leader.election.enable"];
  if (unclean !== undefined) {
    findings.expect(
      "unclean_election",
      unclean === "false",
      "a broker that is behind is never made leader",
      "failure",
      "unclean.leader.election.enable is on: acknowledged records can be lost",
      "Set it to false on the brokers.",
    );
  }
  const auto = broker_config["auto.create.topics.enable"];
  if (auto !== undefined) {
    findings.expect(
      "auto_create",
      auto === "false",
      "topics are not made by asking for them",
      "warning",
      "auto.create.topics.enable is on: a misspelt topic is made, with settings of its own",
      "Set it to false on the brokers.",
    );
  }
  const minutes = broker_config["offsets.retention.minutes"];
  if (minutes === undefined) return;
  const kept_hours = Number(minutes) / 60;
  const needed_hours = Math.max(settings.topics.retention_hours, settings.replay.retention_hours);
  findings.expect(
    "offsets_retention",
    kept_hours >= needed_hours,
    "offsets of a group that is stopped are kept as long as its records",
    "warning",
    `offsets.retention.minutes keeps offsets ${hours(kept_hours * HOUR_MS)}, records are kept ${hours(needed_hours * HOUR_MS)}: a group that is stopped for longer begins anew`,
    `Set offsets.retention.minutes to ${Math.ceil(needed_hours * 60)} or more.`,
  );
}

function hours(duration_ms: number): string {
  if (!Number.isFinite(duration_ms) || duration_ms < 0) return "for ever";
  const all = duration_ms / HOUR_MS;
  if (all === 1) return "an hour";
  return all >= 48 ? `${Number((all / 24).toFixed(1))} days` : `${Number(all.toFixed(1))} hours`;
}

const NAMED_MAX = 4;

/** Some by name, the others by number. */
export function listed(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return more > 0 ? `${names.slice(0, NAMED_MAX).join(", ")} and ${more} more` : names.join(", ");
}
