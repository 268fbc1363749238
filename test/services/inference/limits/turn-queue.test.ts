/** Turns among partitions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnQueue } from "../../../../services/inference/limits/turn-queue.ts";

function queueOf(...items: readonly string[]): TurnQueue<string> {
  const queue = new TurnQueue<string>();
  for (const item of items) queue.add(item.charAt(0), item);
  return queue;
}

test("partitions take turns, each in its own order", () => {
  const queue = queueOf("a1", "a2", "a3", "b1", "c1", "c2");
  assert.deepEqual(queue.peek(10), ["a1", "b1", "c1", "a2", "c2", "a3"]);
  assert.deepEqual(queue.peek(2), ["a1", "b1"]);
  assert.equal(queue.size, 6);
});

test("serving some keeps the order of the rest", () => {
  const queue = queueOf("a1", "a2", "a3", "b1", "b2", "c1");
  const order = queue.peek(10);
  for (const [served, item] of order.entries()) {
    assert.deepEqual(queue.peek(10), order.slice(served));
    assert.equal(queue.serve(item.charAt(0), item), true);
  }
  assert.equal(queue.size, 0);
});

test("one that gave up is not there to be served", () => {
  const queue = queueOf("a1", "b1", "b2");
  assert.equal(queue.remove("b", "b1"), true);
  assert.equal(queue.serve("b", "b1"), false);
  assert.deepEqual(queue.peek(10), ["a1", "b2"]);
});
