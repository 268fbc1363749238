import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerProperties } from "../../../tools/stack/kafka.ts";
import { formatRow } from "../../../tools/stack/progress.ts";

test("the advertised address follows the port", () => {
  const properties = brokerProperties(19_092, 19_093);
  assert.match(properties, /^advertised\.listeners=PLAINTEXT:\/\/127\.0\.0\.1:19092$/m);
  assert.match(properties, /^controller\.quorum\.voters=1@127\.0\.0\.1:19093$/m);
});

test("nothing listens beyond loopback", () => {
  for (const address of brokerProperties(1, 2).match(/:\/\/[^:,]*/g) ?? []) assert.equal(address, "://127.0.0.1");
});

test("a row of progress", () => {
  assert.equal(formatRow("kafka", "starting", 0, ""), "kafka           starting…");
  assert.equal(
    formatRow("kafka", "ready", 2_140, "127.0.0.1:9092"),
    "kafka           ready in 2.1 s    127.0.0.1:9092",
  );
});
