/**
 * How the parts are reached: addresses, certificates and names, out of the environment. Certificate files are read here, once, so that a
 * wrong path is known at the start and not at the first connection.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { SluiceError } from "../errors.ts";

/** What kafkajs calls them. */
export type SaslMechanism = "plain" | "scram-sha-256" | "scram-sha-512";

/** PEM. Without a `ca` the certificates that Node trusts count. */
export type TlsFiles = { readonly ca?: string; readonly cert?: string; readonly key?: string };

export type KafkaAccess = {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  /** Undefined: plain TCP. */
  readonly ssl?: TlsFiles | undefined;
  readonly sasl?:
    | { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string }
    | undefined;
};

export type RegistryAccess = {
  readonly url: string;
  readonly ca?: string | undefined;
  /** Sent as HTTP basic authentication. */
  readonly auth?: { readonly username: string; readonly password: string } | undefined;
};

const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;

/** Variables that say how the parts are reached. An empty one counts as unset. */
export const accessSchema = z.object({
  KAFKA_BROKERS: z.string().min(1),
  KAFKA_SSL: z.enum(["true", "false", ""]).optional(),
  KAFKA_SSL_CA_FILE: z.string().optional(),
  KAFKA_SSL_CERT_FILE: z.string().optional(),
  KAFKA_SSL_KEY_FILE: z.string().optional(),
  KAFKA_SASL_MECHANISM: z
    .string()
    .toLowerCase()
    .pipe(z.enum([...MECHANISMS, ""]))
    .optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  SCHEMA_REGISTRY_URL: z.url(),
  SCHEMA_REGISTRY_CA_FILE: z.string().optional(),
  SCHEMA_REGISTRY_USERNAME: z.string().optional(),
  SCHEMA_REGISTRY_PASSWORD: z.string().optional(),
  DATABASE_URL: z.url(),
  DATABASE_CA_FILE: z.string().optional(),
});

type Variables = z.infer<typeof accessSchema>;

/** @throws `settings_invalid` that names the variable and the fix. */
export function kafkaAccess(read: Variables): KafkaAccess {
  const brokers = read.KAFKA_BROKERS.split(",").map((broker) => broker.trim());
  const files: TlsFiles = {
    ...fileOf("KAFKA_SSL_CA_FILE", read, "ca"),
    ...fileOf("KAFKA_SSL_CERT_FILE", read, "cert"),
    ...fileOf("KAFKA_SSL_KEY_FILE", read, "key"),
  };
  const has_files = Object.keys(files).length > 0;
  if (has_files && read.KAFKA_SSL !== "true") {
    throw invalid("KAFKA_SSL_*_FILE is set and KAFKA_SSL is not", "Set KAFKA_SSL=true, or unset the files.");
  }
  if ((files.cert === undefined) !== (files.key === undefined)) {
    throw invalid(
      "of KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE only one is set",
      "Set both for a client certificate, or none.",
    );
  }
  return { brokers, ssl: read.KAFKA_SSL === "true" ? files : undefined, sasl: saslOf(read) };
}

function saslOf(read: Variables): KafkaAccess["sasl"] {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = read;
  if (!mechanism) {
    if (!username && !password) return undefined;
    const fix = `Set it to one of ${MECHANISMS.join(", ")}.`;
    throw invalid("KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set and KAFKA_SASL_MECHANISM is not", fix);
  }
  if (!username || !password) {
    throw invalid(
      `KAFKA_SASL_MECHANISM=${mechanism} needs a user name and a password`,
      "Set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or unset KAFKA_SASL_MECHANISM.",
    );
  }
  return { mechanism, username, password };
}

/** @throws `settings_invalid` that names the variable and the fix. */
export function registryAccess(read: Variables): RegistryAccess {
  const { SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_USERNAME: username, SCHEMA_REGISTRY_PASSWORD: password } = read;
  const given = new URL(url);
  if (given.username !== "" || given.password !== "") {
    throw invalid(
      "SCHEMA_REGISTRY_URL holds a user name or a password, which would be in logs",
      "Put them into SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD.",
    );
  }
  if (!username !== !password) {
    throw invalid("of SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD only one is set", "Set both, or none.");
  }
  const files = fileOf("SCHEMA_REGISTRY_CA_FILE", read, "ca");
  if (files.ca !== undefined && given.protocol !== "https:") {
    throw invalid("SCHEMA_REGISTRY_CA_FILE is set and SCHEMA_REGISTRY_URL is not https", "Write https:// in the URL.");
  }
  return { url, ca: files.ca, auth: username && password ? { username, password } : undefined };
}

/** Modes that libpq has and `pg` takes for `verify-full` with a warning at each start. */
const VERIFIED = new Set(["prefer", "require", "verify-ca"]);

/**
 * The URL with everything in it: `DATABASE_CA_FILE` becomes `sslrootcert`, and asks for `sslmode=verify-full` where the URL says nothing.
 * Modes that encrypt verify too; only `disable` and `no-verify` do not.
 * @throws `settings_invalid` that names the variable and the fix.
 */
export function databaseUrl(read: Variables): string {
  const url = new URL(read.DATABASE_URL);
  const { searchParams } = url;
  const ca_file = read.DATABASE_CA_FILE || undefined;
  if (ca_file !== undefined) searchParams.set("sslrootcert", ca_file);
  const root = searchParams.get("sslrootcert");
  if (root === null && !searchParams.has("sslmode")) return read.DATABASE_URL;
  if (root !== null) readPem(ca_file === undefined ? "sslrootcert in DATABASE_URL" : "DATABASE_CA_FILE", root);
  const mode = searchParams.get("sslmode") ?? "verify-full";
  if (mode === "disable" && root !== null) {
    throw invalid("DATABASE_URL says sslmode=disable and a CA is given", "Write sslmode=verify-full, or unset the CA.");
  }
  const as_libpq = searchParams.get("uselibpqcompat") === "true";
  searchParams.set("sslmode", VERIFIED.has(mode) && !as_libpq ? "verify-full" : mode);
  return url.href;
}

function fileOf<Field extends string>(
  variable: keyof Variables,
  read: Variables,
  field: Field,
): { readonly [name in Field]?: string } {
  const path = read[variable];
  if (!path) return {};
  return { [field]: readPem(variable, path) } as { readonly [name in Field]?: string };
}

/** The text of a PEM file. @throws `settings_invalid` that names where its path came from. */
export function readPem(variable: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "it cannot be read";
    throw invalid(`${variable}: ${path} cannot be read (${why})`, "Correct the path, or let this user read it.", cause);
  }
  if (text.includes("-----BEGIN ")) return text;
  throw invalid(`${variable}: ${path} is not in PEM form`, "Give a file that holds a line with -----BEGIN …-----.");
}

function invalid(message: string, fix: string, cause?: unknown): SluiceError {
  return new SluiceError("settings_invalid", message, { fix, ...(cause === undefined ? {} : { cause }) });
}
