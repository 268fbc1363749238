/** Whether only those get in who should, and nobody listens on the way. Pure. */
import type { Environment } from "../../libs/shared/config/environment.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { KeyRecord } from "../../libs/shared/events/tenants.ts";
import { type Finding, Findings, isLoopback } from "./finding.ts";
import { listed } from "./kafka.ts";

export type AccessFacts = {
  readonly environment: Environment;
  /** Keys that are not revoked. */
  readonly keys: readonly KeyRecord[];
  readonly now_ms: number;
  /** Where the gateway serves, as far as is known. */
  readonly gateway_host: string;
  /** `sluice up` runs, and has made what is not set here. */
  readonly by_up: boolean;
};

const DAY_MS = 86_400_000;
const KEY_DAYS_MAX = 180;

export function accessFindings(settings: Settings, facts: AccessFacts): readonly Finding[] {
  const findings = new Findings("access");
  const { environment } = facts;
  transport(findings, environment);
  findings.expect(
    "kafka_sasl",
    environment.kafka.sasl !== undefined ||
      environment.kafka.ssl?.cert !== undefined ||
      environment.kafka.brokers.every((broker) => isLoopback(hostOf(broker))),
    "who writes to topics has to say who it is, or is on this machine",
    "failure",
    "anybody who reaches the brokers may write requests for any tenant",
    "Use SASL or client certificates (docs/clusters.md), and bind principals to tenants by admission.principals.",
  );
  findings.expect(
    "secret_key",
    environment.secret_key !== undefined || facts.by_up,
    "SLUICE_SECRET_KEY is set: webhooks are signed",
    "warning",
    "SLUICE_SECRET_KEY is not set: there are no webhooks, and callbacks are refused",
    "Make one with `openssl rand -hex 32`, and give all services the same.",
  );
  keys(findings, facts);
  findings.expect(
    "gateway_tls",
    isLoopback(facts.gateway_host),
    "the gateway serves on this machine alone: something with TLS stands in front, or nothing",
    "note",
    `the gateway serves plain HTTP on ${facts.gateway_host}`,
    "Put a proxy with TLS in front (an ingress, a load balancer); keys travel with every request.",
  );
  findings.expect(
    "webhooks_http",
    !settings.webhooks.allow_http,
    "webhooks are sent by https alone",
    "warning",
    "webhooks.allow_http is on: Results may travel unencrypted",
    "Set webhooks.allow_http to false.",
  );
  const on_disk = environment.files_url.startsWith("file:");
  findings.expect(
    "files",
    !on_disk,
    "files are in a bucket",
    "note",
    "files are in a folder: services on several machines do not share it",
    "Set SLUICE_FILES_URL=s3://bucket/prefix for more than one machine.",
  );
  return findings.found;
}

function transport(findings: Findings, { kafka, registry, redis, database_url }: Environment): void {
  const parts: [string, boolean, readonly string[], string][] = [
    ["kafka", kafka.ssl !== undefined, kafka.brokers.map(hostOf), "Set KAFKA_SSL=true"],
    [
      "registry",
      registry.url.startsWith("https:"),
      [new URL(registry.url).hostname],
      "Write https:// in SCHEMA_REGISTRY_URL",
    ],
    [
      "redis",
      redis.tls !== undefined,
      redis.nodes.map((node) => new URL(node).hostname),
      "Write rediss:// in REDIS_URL",
    ],
    [
      "postgres",
      verifies(database_url),
      [new URL(database_url).hostname],
      "Write sslmode=verify-full in DATABASE_URL, with DATABASE_CA_FILE",
    ],
  ];
  for (const [part, is_tls, hosts, fix] of parts) {
    findings.expect(
      `${part}_tls`,
      is_tls || hosts.every(isLoopback),
      is_tls ? `${part} is reached by TLS` : `${part} is on this machine`,
      "failure",
      `${part} is reached over the network without TLS that is verified`,
      `${fix} (docs/clusters.md).`,
    );
  }
}

function verifies(database_url: string): boolean {
  return new URL(database_url).searchParams.get("sslmode") === "verify-full";
}

function hostOf(broker: string): string {
  return broker.slice(0, broker.lastIndexOf(":"));
}

function keys(findings: Findings, { keys: all, now_ms }: AccessFacts): void {
  const admins = all.filter(({ scopes }) => scopes.includes("admin"));
  findings.expect(
    "keys",
    all.length > 0,
    `${all.length} API ${all.length === 1 ? "key is" : "keys are"} valid, ${admins.length} of them an administrator's`,
    "note",
    "no API key is valid: the gateway answers nobody",
    "npx sluice keys create --tenant <name>",
  );
  const mixed = admins.filter(({ scopes }) => scopes.includes("submit"));
  findings.expect(
    "admin_keys",
    mixed.length <= 2,
    "few keys can do everything",
    "note",
    `${mixed.length} keys can submit and administrate`,
    "Make keys for one purpose: --scopes submit,read for programs, admin for people.",
  );
  const old = all.filter(({ created_ms }) => now_ms - created_ms > KEY_DAYS_MAX * DAY_MS);
  findings.expect(
    "old_keys",
    old.length === 0,
    `no key is older than ${KEY_DAYS_MAX} days`,
    "note",
    `${listed(old.map(({ id, tenant }) => `${id} of ${tenant}`))}: older than ${KEY_DAYS_MAX} days`,
    "Make new ones, let programs change over, and `npx sluice keys revoke <id>`.",
  );
}
