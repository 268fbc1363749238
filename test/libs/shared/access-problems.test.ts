import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, unavailable } from "../../../libs/shared/errors.ts";

const CASES: readonly (readonly ["kafka" | "postgres" | "redis" | "schema_registry", Error, RegExp])[] = [
  ["kafka", new Error("Connection error: self-signed certificate in certificate chain"), /KAFKA_SSL_CA_FILE/],
  ["kafka", new Error("Connection error: unable to verify the first certificate"), /KAFKA_SSL_CA_FILE/],
  [
    "kafka",
    named("KafkaJSSASLAuthenticationError", "Authentication failed during authentication"),
    /KAFKA_SASL_PASSWORD/,
  ],
  ["kafka", new Error("wrapped", { cause: new Error("certificate has expired") }), /Renew/],
  ["postgres", Object.assign(new Error("denied"), { code: "28P01" }), /DATABASE_URL/],
  ["postgres", new Error("The server does not support SSL connections"), /TLS/],
  [
    "schema_registry",
    Object.assign(new Error("Confluent_Schema_Registry"), { status: 401 }),
    /SCHEMA_REGISTRY_PASSWORD/,
  ],
  ["redis", new Error("WRONGPASS invalid username-password pair"), /REDIS_URL/],
  ["redis", new Error("Hostname/IP does not match certificate's altnames: IP: 127.0.0.1"), /host name/],
];

for (const [dependency, cause, fix] of CASES) {
  test(`${dependency}: "${cause.message}" names its fix`, () => {
    const error = unavailable(dependency, cause);
    assert.match(describe(error), fix);
    assert.equal(error.code, "dependency_refuses");
    assert.equal(error.retryable, true, "no record is dropped over it");
  });
}

test("what is just away is told as that", () => {
  const error = unavailable("kafka", new Error("connect ECONNREFUSED 127.0.0.1:9092"));
  assert.equal(error.code, "dependency_unavailable");
  assert.match(error.fix ?? "", /Check that kafka runs/);
});

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
