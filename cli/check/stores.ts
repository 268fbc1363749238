/** Whether Redis, Postgres and the registry keep what they are given. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import { type Finding, Findings } from "./finding.ts";
import { listed } from "./kafka.ts";

/** Of one node, or of each master of a cluster. */
export type RedisFacts = {
  readonly node: string;
  /** `INFO`, by its lines. */
  readonly info: Readonly<Record<string, string>>;
  /** What `CONFIG GET` gives; empty where the provider forbids it. */
  readonly config: Readonly<Record<string, string>>;
};

const REDIS_MAJOR_MIN = 6;
const FULL = 0.8;

export function redisFindings(nodes: readonly RedisFacts[]): readonly Finding[] {
  const findings = new Findings("redis");
  for (const { node, info, config } of nodes) {
    const at = nodes.length === 1 ? "" : `${node}: `;
    const version = info["redis_version"] ?? info["valkey_version"] ?? "unknown";
    findings.expect(
      "redis_version",
      Number(version.split(".")[0]) >= REDIS_MAJOR_MIN,
      `${at}version ${version}`,
      "failure",
      `${at}version ${version}`,
      "Use Redis 6.2 or later, or Valkey.",
    );
    persistence(findings, at, info, config);
    memory(findings, at, info, config);
    const replicas = Number(info["connected_slaves"] ?? 0);
    findings.expect(
      "redis_replica",
      replicas > 0,
      `${at}${replicas} ${replicas === 1 ? "replica" : "replicas"}`,
      "warning",
      `${at}there is no replica: while it is away, paid work waits`,
      "Run a replica with automatic failover (Sentinel behind one address, a cluster, or a managed one).",
    );
  }
  return findings.found;
}

function persistence(
  findings: Findings,
  at: string,
  info: Readonly<Record<string, string>>,
  config: Readonly<Record<string, string>>,
): void {
  findings.expect(
    "redis_persistence",
    info["aof_enabled"] === "1",
    `${at}it keeps an append-only file`,
    "failure",
    `${at}it keeps no append-only file: a restart forgets the attempt ledger, and calls may be paid twice (I3)`,
    "Set appendonly yes and appendfsync everysec. Budgets are rebuilt from llm.usage either way.",
  );
  const sync = config["appendfsync"];
  if (sync === undefined) return;
  findings.expect(
    "redis_fsync",
    sync !== "no",
    `${at}the file is synced (${sync})`,
    "warning",
    `${at}appendfsync is no: a crash forgets what the kernel had not written`,
    "Set appendfsync everysec.",
  );
}

function memory(
  findings: Findings,
  at: string,
  info: Readonly<Record<string, string>>,
  config: Readonly<Record<string, string>>,
): void {
  const policy = info["maxmemory_policy"] ?? config["maxmemory-policy"];
  if (policy !== undefined) {
    findings.expect(
      "redis_eviction",
      policy === "noeviction",
      `${at}nothing is evicted`,
      "failure",
      `${at}maxmemory-policy is ${policy}: an evicted key is a lost reservation, lease or ledger line (I4)`,
      "Set maxmemory-policy noeviction; when it is full, work waits.",
    );
  }
  const [used, limit] = [Number(info["used_memory"] ?? 0), Number(info["maxmemory"] ?? 0)];
  if (limit === 0) return;
  findings.expect(
    "redis_memory",
    used < limit * FULL,
    `${at}${Math.round((100 * used) / limit)} % of its memory is used`,
    "warning",
    `${at}${Math.round((100 * used) / limit)} % of its memory is used; when it is full, everything waits`,
    "Give it more, or shorten results.job_view_ttl_hours (docs/operations.md#redis-memory).",
  );
}

export type PostgresFacts = {
  readonly version_num: number;
  readonly settings: Readonly<Record<string, string>>;
  /** Connections that are open now. */
  readonly connections: number;
  /** Steps of the schema that are not taken. */
  readonly steps_missing: number;
};

const POSTGRES_MIN = 140_000;

export function postgresFindings({
  version_num,
  settings,
  connections,
  steps_missing,
}: PostgresFacts): readonly Finding[] {
  const findings = new Findings("postgres");
  const version = Math.floor(version_num / 10_000);
  findings.expect(
    "postgres_version",
    version_num >= POSTGRES_MIN,
    `version ${version}`,
    "failure",
    `version ${version}`,
    "Use Postgres 14 or later.",
  );
  findings.expect(
    "postgres_schema",
    steps_missing === 0,
    "the tables are as this version needs them",
    "failure",
    `${steps_missing} ${steps_missing === 1 ? "step" : "steps"} of the schema ${steps_missing === 1 ? "is" : "are"} not taken`,
    "They are taken when a service starts: look into the log of results.",
  );
  for (const [name, lost] of [
    ["fsync", "a crash can destroy the database"],
    ["full_page_writes", "a crash can destroy the database"],
    ["synchronous_commit", "a crash forgets claims that were acknowledged, and a Result can be written twice (I1)"],
  ] as const) {
    const value = settings[name];
    findings.expect(
      `postgres_${name}`,
      value !== "off",
      `${name} is ${value}`,
      "failure",
      `${name} is off: ${lost}`,
      `Set ${name} = on.`,
    );
  }
  const limit = Number(settings["max_connections"] ?? 0);
  findings.expect(
    "postgres_connections",
    connections < limit * FULL,
    `${connections} of ${limit} connections are used`,
    "warning",
    `${connections} of ${limit} connections are used: more processes may find none`,
    "Raise max_connections, or put PgBouncer (transaction pooling) in front.",
  );
  return findings.found;
}

export type RegistryFacts = {
  /** Of all subjects that say nothing else. */
  readonly compatibility: string | undefined;
  /** By subject: undefined where it is not registered, else whether the schema of this version would be taken. */
  readonly subjects: readonly {
    readonly subject: string;
    readonly fits: boolean | undefined;
    readonly level?: string;
  }[];
};

export function registryFindings(settings: Settings, { subjects }: RegistryFacts): readonly Finding[] {
  const findings = new Findings("registry");
  const missing = subjects.filter(({ fits }) => fits === undefined).map(({ subject }) => subject);
  findings.expect(
    "schemas",
    missing.length === 0,
    `all ${subjects.length} subjects are registered`,
    "failure",
    `${listed(missing)}: not registered`,
    "Run `npx sluice topics`.",
  );
  const refused = subjects.filter(({ fits }) => fits === false).map(({ subject }) => subject);
  findings.expect(
    "schema_compatibility",
    refused.length === 0,
    "this version's schemas can be read by those who have the last ones",
    "failure",
    `${listed(refused)}: this version's schema is refused, so its services will not start`,
    "Take the steps that the release notes name, or register under another topics.prefix.",
  );
  const wanted = settings.schema_registry.compatibility;
  const others = subjects.filter(({ level }) => level !== undefined && level !== wanted);
  findings.expect(
    "compatibility_level",
    others.length === 0,
    `subjects are held to ${wanted}`,
    "failure",
    `${listed(others.map(({ subject, level }) => `${subject} (${level})`))}: another level than ${wanted}, with which services do not start`,
    `Set the subjects' level to ${wanted}, or schema_registry.compatibility to theirs.`,
  );
  return findings.found;
}
