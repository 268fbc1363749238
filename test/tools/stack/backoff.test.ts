import assert from "node:assert/strict";
import { test } from "node:test";
import { countFailures, restartDelayMs, saysPortTaken } from "../../../tools/stack/backoff.ts";

test("the wait doubles from 200 ms and stays at 5 s", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 1_000].map(restartDelayMs), [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
});

test("deaths in a row are counted, a long life starts the count again", () => {
  assert.equal(countFailures(0, 50), 1);
  assert.equal(countFailures(4, 9_999), 5);
  assert.equal(countFailures(4, 10_000), 1);
});

test("every part's words for a taken port are understood", () => {
  const words = [
    "Error: listen EADDRINUSE: address already in use 127.0.0.1:8080",
    "org.apache.kafka.common.KafkaException: Socket server failed to bind: Address already in use.",
    "io.quarkus.runtime.QuarkusBindException: Port already bound: 8081: Address already in use",
    "# Warning: Could not create server TCP listening socket 127.0.0.1:6379: bind: Address already in use",
    'could not bind IPv4 address "127.0.0.1": Address already in use',
  ];
  for (const line of words) assert.equal(saysPortTaken(line), true, line);
  assert.equal(saysPortTaken("OutOfMemoryError: Java heap space"), false);
});
