import { SluiceError } from "../../libs/shared/errors.ts";
import type { PartName } from "./home.ts";
import { answers } from "./ports.ts";
import type { Env } from "./tools.ts";

const CONNECT_WAIT_MS = 5_000;

/** The variable that names each part's address; where it is set, the part is not started here. */
export const ADDRESS_VARIABLES: Readonly<Record<PartName, string>> = {
  kafka: "KAFKA_BROKERS",
  schema_registry: "SCHEMA_REGISTRY_URL",
  redis: "REDIS_URL",
  postgres: "DATABASE_URL",
};

const PORTS_BY_SCHEME: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "redis:": 6379,
  "rediss:": 6379,
  "postgres:": 5432,
  "postgresql:": 5432,
};

export type Address = { readonly host: string; readonly port: number };

/** The addresses that the environment gives. An empty variable counts as unset. */
export function givenUrls(env: Env): Partial<Record<PartName, string>> {
  const entries = Object.entries(ADDRESS_VARIABLES).map(([part, variable]) => [part, env[variable]?.trim()]);
  return Object.fromEntries(entries.filter(([, value]) => value));
}

/** Host and port of a URL or of the first of Kafka's `host:port,…`; undefined when there is none to read. */
export function addressOf(url: string): Address | undefined {
  const first = url.split(",")[0]?.trim() ?? "";
  try {
    const parsed = new URL(first.includes("://") ? first : `kafka://${first}`);
    const port = parsed.port === "" ? PORTS_BY_SCHEME[parsed.protocol] : Number(parsed.port);
    return parsed.hostname && port ? { host: parsed.hostname.replace(/^\[|\]$/g, ""), port } : undefined;
  } catch {
    return undefined;
  }
}

/** `host:port`, for people: never the password in a URL. */
export function publicAddress(url: string): string {
  const address = addressOf(url);
  return address ? `${address.host}:${address.port}` : "an address that cannot be read";
}

/** Throws `settings_invalid` for an address that cannot be read, `dependency_unavailable` for one that is silent. */
export async function checkGiven(part: PartName, url: string): Promise<void> {
  const variable = ADDRESS_VARIABLES[part];
  const address = addressOf(url);
  if (!address) {
    const example = part === "kafka" ? "host:9092" : part === "redis" ? "redis://host:6379" : "a URL with a host";
    throw new SluiceError("settings_invalid", `${variable} is not an address`, { fix: `Set it to ${example}.` });
  }
  if (await answers(address.host, address.port, CONNECT_WAIT_MS)) return;
  throw new SluiceError("dependency_unavailable", `${variable} names ${publicAddress(url)}, where nothing answers`, {
    fix: `Start it, correct the address, or unset ${variable} to have it run here.`,
    retryable: true,
  });
}
