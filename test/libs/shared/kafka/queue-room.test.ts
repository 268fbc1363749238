import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { heldBytes, QueueRoom } from "../../../../libs/shared/kafka/queue-room.ts";

test("a lane alone may fill the room; below its share it is never full; all together never hold twice the room", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.record({ lane: fc.nat(5), bytes: fc.integer({ min: -60, max: 60 }) }), { maxLength: 200 }),
      (count, steps) => {
        const room = new QueueRoom(1_000);
        const held = Array.from({ length: count }, () => 0);
        const shares = held.map((_, lane) => room.enter(() => held[lane] ?? 0));
        for (const { lane, bytes } of steps) {
          const at = lane % count;
          const before = held[at] ?? 0;
          const others = held.reduce((sum, one) => sum + one, 0) - before;
          const full = (shares[at]?.fill() ?? 0) >= 1;
          if (before < 1_000 / count) assert.ok(!full, "its share is its own");
          if (others === 0) assert.equal(full, before >= 1_000, "alone it has the room");
          if (bytes < 0 || !full) held[at] = Math.max(0, before + bytes);
          // What one step brings beyond the bound is one fetch.
          assert.ok(held.reduce((sum, one) => sum + one, 0) < 2_000 + count * 60);
        }
      },
    ),
  );
});

test("who leaves gives its share to the others", () => {
  const room = new QueueRoom(1_000);
  const gone = room.enter(() => 400);
  const left = room.enter(() => 600);
  assert.equal(left.fill(), 1);
  gone.leave();
  assert.equal(left.fill(), 0.6);
});

test("a record takes its bytes, its headers' and what holding it costs", () => {
  const record = {
    topic: "t",
    partition: 0,
    offset: 0,
    timestamp_ms: 0,
    key: Buffer.alloc(10),
    value: Buffer.alloc(1_000),
  };
  const bare = heldBytes({ ...record, key: null, value: null, headers: {} });
  assert.ok(bare >= 500 && bare <= 1_000);
  assert.equal(heldBytes({ ...record, headers: {} }), bare + 1_010);
  assert.ok(heldBytes({ ...record, headers: { a: "x".repeat(50) } }) >= bare + 1_060);
});
