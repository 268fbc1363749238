import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readEnvironment } from "../../../../libs/shared/config/environment.ts";
import { CERTIFICATE, CERTIFICATE_KEY } from "../../../support/test-certificate.ts";

const dir = mkdtempSync(join(tmpdir(), "sluice-access-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const CA = join(dir, "ca.pem");
const KEY = join(dir, "key.pem");
const TEXT = join(dir, "text.pem");
writeFileSync(CA, CERTIFICATE);
writeFileSync(KEY, CERTIFICATE_KEY);
writeFileSync(TEXT, "no certificate");

const PLAIN = {
  KAFKA_BROKERS: "one:9092, two:9092",
  SCHEMA_REGISTRY_URL: "http://registry:8081",
  REDIS_URL: "redis://redis:6379",
  DATABASE_URL: "postgres://u:p@db:5432/sluice",
};

test("without variables for them there is neither TLS nor a password, and the addresses stay as given", () => {
  const { kafka, registry, database_url } = readEnvironment({ ...PLAIN, KAFKA_SSL: "", KAFKA_SASL_MECHANISM: "" });
  assert.deepEqual(kafka, { brokers: ["one:9092", "two:9092"], ssl: undefined, sasl: undefined });
  assert.deepEqual(registry, { url: "http://registry:8081", ca: undefined, auth: undefined });
  assert.equal(database_url, PLAIN.DATABASE_URL);
});

test("Kafka: certificates are read, and the mechanism may be written in capitals", () => {
  const { kafka } = readEnvironment({
    ...PLAIN,
    KAFKA_SSL: "true",
    KAFKA_SSL_CA_FILE: CA,
    KAFKA_SSL_CERT_FILE: CA,
    KAFKA_SSL_KEY_FILE: KEY,
    KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
    KAFKA_SASL_USERNAME: "sluice",
    KAFKA_SASL_PASSWORD: "secret",
  });
  assert.deepEqual(kafka.ssl, { ca: CERTIFICATE, cert: CERTIFICATE, key: CERTIFICATE_KEY });
  assert.deepEqual(kafka.sasl, { mechanism: "scram-sha-512", username: "sluice", password: "secret" });
});

test("the registry: a CA, a user name and a password", () => {
  const { registry } = readEnvironment({
    ...PLAIN,
    SCHEMA_REGISTRY_URL: "https://registry:8443",
    SCHEMA_REGISTRY_CA_FILE: CA,
    SCHEMA_REGISTRY_USERNAME: "key",
    SCHEMA_REGISTRY_PASSWORD: "secret",
  });
  assert.deepEqual(registry, {
    url: "https://registry:8443",
    ca: CERTIFICATE,
    auth: { username: "key", password: "secret" },
  });
});

test("Postgres: a CA asks for verify-full, modes that verify less are verified in full, and the rest stays", () => {
  const url = (query: string, more = {}) =>
    new URL(readEnvironment({ ...PLAIN, DATABASE_URL: `${PLAIN.DATABASE_URL}${query}`, ...more }).database_url)
      .searchParams;
  assert.equal(url("", { DATABASE_CA_FILE: CA }).get("sslmode"), "verify-full");
  assert.equal(url("", { DATABASE_CA_FILE: CA }).get("sslrootcert"), CA);
  assert.equal(url(`?sslrootcert=${CA}`).get("sslmode"), "verify-full");
  assert.equal(url("?sslmode=require").get("sslmode"), "verify-full");
  assert.equal(url("?sslmode=require&uselibpqcompat=true").get("sslmode"), "require");
  assert.equal(url("?sslmode=no-verify&options=x").get("options"), "x");
  assert.equal(url("?sslmode=disable").get("sslmode"), "disable");
});

const WRONG: readonly (readonly [Record<string, string>, RegExp])[] = [
  [{ KAFKA_SSL: "yes" }, /KAFKA_SSL/],
  [{ KAFKA_SSL_CA_FILE: CA }, /KAFKA_SSL=true/],
  [{ KAFKA_SSL: "true", KAFKA_SSL_CA_FILE: join(dir, "none.pem") }, /KAFKA_SSL_CA_FILE.*ENOENT/],
  [{ KAFKA_SSL: "true", KAFKA_SSL_CA_FILE: TEXT }, /KAFKA_SSL_CA_FILE.*not in PEM form/],
  [{ KAFKA_SSL: "true", KAFKA_SSL_CERT_FILE: CA }, /KAFKA_SSL_KEY_FILE/],
  [{ KAFKA_SASL_MECHANISM: "gssapi" }, /KAFKA_SASL_MECHANISM/],
  [{ KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USERNAME: "u" }, /KAFKA_SASL_PASSWORD/],
  [{ KAFKA_SASL_USERNAME: "u", KAFKA_SASL_PASSWORD: "p" }, /KAFKA_SASL_MECHANISM/],
  [{ SCHEMA_REGISTRY_USERNAME: "u" }, /SCHEMA_REGISTRY_PASSWORD/],
  [{ SCHEMA_REGISTRY_URL: "https://u:hush@registry" }, /SCHEMA_REGISTRY_USERNAME/],
  [{ SCHEMA_REGISTRY_CA_FILE: CA }, /https/],
  [{ DATABASE_CA_FILE: join(dir, "none.pem") }, /DATABASE_CA_FILE.*ENOENT/],
  [{ DATABASE_URL: `${PLAIN.DATABASE_URL}?sslrootcert=/none.pem` }, /sslrootcert in DATABASE_URL/],
  [{ DATABASE_URL: `${PLAIN.DATABASE_URL}?sslmode=disable`, DATABASE_CA_FILE: CA }, /verify-full/],
];

for (const [variables, told] of WRONG) {
  test(`refused, with what to correct: ${Object.keys(variables).join(", ")} ${told}`, () => {
    assert.throws(
      () => readEnvironment({ ...PLAIN, ...variables }),
      (error: { code?: string; message: string; fix?: string }) => {
        assert.equal(error.code, "settings_invalid");
        assert.match(`${error.message}. ${error.fix}`, told);
        assert.doesNotMatch(`${error.message}. ${error.fix}`, /hush/);
        return true;
      },
    );
  });
}
