/** How many calls of each lane run at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InFlight } from "../../../../libs/shared/kafka/in-flight.ts";

const LIMITS = { in_flight_bytes_max: 1_000 };
const lanes = (in_flight: InFlight): string[] => [...in_flight.closed()].sort();

test("bulk work leaves places to whoever is waiting, and takes the others", () => {
  const in_flight = new InFlight({ ...LIMITS, max_in_flight: 16 });
  const ends = Array.from({ length: 14 }, () => {
    assert.deepEqual(lanes(in_flight), []);
    return in_flight.begin("batch", 1, 1);
  });
  assert.deepEqual(lanes(in_flight), ["batch"]);
  for (const _ of [1, 2]) in_flight.begin("interactive", 1, 1);
  assert.deepEqual(lanes(in_flight), ["batch", "interactive"]);
  ends[0]?.();
  assert.deepEqual(lanes(in_flight), []);
});

test("a single place is either lane's", () => {
  const in_flight = new InFlight({ ...LIMITS, max_in_flight: 1 });
  assert.deepEqual(lanes(in_flight), []);
  in_flight.begin("batch", 1, 1);
  assert.deepEqual(lanes(in_flight), ["batch", "interactive"]);
});

test("persons may take every place", () => {
  const in_flight = new InFlight({ ...LIMITS, max_in_flight: 4 });
  for (const _ of [1, 2, 3]) in_flight.begin("interactive", 1, 1);
  assert.deepEqual(lanes(in_flight), []);
});
