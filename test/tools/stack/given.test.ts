import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, checkGiven, givenUrls, publicAddress } from "../../../tools/stack/given.ts";

test("addresses from the environment; an empty variable is none", () => {
  assert.deepEqual(givenUrls({ KAFKA_BROKERS: "a:1,b:2", REDIS_URL: " ", PATH: "/bin" }), { kafka: "a:1,b:2" });
});

test("host and port of every kind of address", () => {
  assert.deepEqual(addressOf("broker-1:9092,broker-2:9092"), { host: "broker-1", port: 9092 });
  assert.deepEqual(addressOf("https://registry.example/apis"), { host: "registry.example", port: 443 });
  assert.deepEqual(addressOf("redis://:secret@cache"), { host: "cache", port: 6379 });
  assert.deepEqual(addressOf("postgres://u:p@[::1]:5433/db"), { host: "::1", port: 5433 });
  assert.equal(addressOf("broker-1"), undefined);
  assert.equal(addressOf(""), undefined);
});

test("a password is never shown", () => {
  assert.equal(publicAddress("postgres://sluice:secret@db:5432/x"), "db:5432");
});

test("a wrong address and a silent one are told apart", async () => {
  await assert.rejects(checkGiven("kafka", "no-port"), { code: "settings_invalid", message: /KAFKA_BROKERS/ });
  await assert.rejects(checkGiven("redis", "redis://127.0.0.1:1"), { code: "dependency_unavailable" });
});
