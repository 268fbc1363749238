import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerProperties } from "../../../tools/stack/broker-properties.ts";
import { formatRow } from "../../../tools/stack/progress.ts";

const NODE = { id: 1, port: 19_092, controller_port: 19_093 };

test("the advertised address follows the port", () => {
  const properties = brokerProperties(NODE);
  assert.match(properties, /^advertised\.listeners=PLAINTEXT:\/\/127\.0\.0\.1:19092$/m);
  assert.match(properties, /^controller\.quorum\.voters=1@127\.0\.0\.1:19093$/m);
});

test("nothing listens beyond loopback", () => {
  for (const address of brokerProperties(NODE).match(/:\/\/[^:,]*/g) ?? []) assert.equal(address, "://127.0.0.1");
});

test("three brokers keep three replicas of everything, two of them in sync", () => {
  const nodes = [1, 2, 3].map((id) => ({ id, port: 19_000 + id, controller_port: 19_100 + id }));
  const properties = brokerProperties(nodes[1] ?? NODE, nodes);
  const voters = "1@127.0.0.1:19101,2@127.0.0.1:19102,3@127.0.0.1:19103";
  assert.ok(properties.includes(`controller.quorum.voters=${voters}\n`));
  assert.match(properties, /^node\.id=2$/m);
  for (const name of ["default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic"]) {
    assert.ok(properties.includes(`\n${name}.replication.factor=3\n`), name);
  }
  assert.match(properties, /^min\.insync\.replicas=2$/m);
  assert.match(properties, /^transaction\.state\.log\.min\.isr=2$/m);
});

test("a row of progress", () => {
  assert.equal(formatRow("kafka", "starting", 0, ""), "kafka           starting…");
  assert.equal(
    formatRow("kafka", "ready", 2_140, "127.0.0.1:9092"),
    "kafka           ready in 2.1 s    127.0.0.1:9092",
  );
});
