import assert from "node:assert/strict";
import { test } from "node:test";
import { FetchPace } from "../../../../libs/shared/kafka/fetch-pace.ts";

/** What it waits after a second in which so many records came, evenly. */
function after(pace: FetchPace, records_per_s: number): number {
  for (let record = 1; record <= records_per_s; record += 1) pace.took(1, (record * 1_000) / records_per_s);
  return pace.pause_ms(1_000);
}

test("where little comes, nothing waits", () => {
  assert.equal(new FetchPace(4, true).pause_ms(0), 0);
  assert.equal(after(new FetchPace(4, true), 1), 0);
  assert.equal(after(new FetchPace(4, true), 100), 0);
});

test("where more comes, it waits for its longest and no more", () => {
  assert.equal(after(new FetchPace(4, true), 1_000), 4);
  assert.equal(after(new FetchPace(8, true), 500), 8);
  assert.equal(after(new FetchPace(50, true), 100), 50);
});

test("where very much comes, it waits until there is enough", () => {
  const pause_ms = after(new FetchPace(50, true), 10_000);
  assert.ok(pause_ms > 5 && pause_ms < 10, String(pause_ms));
});

test("it waits for as long as handling takes, and follows it", () => {
  const pace = new FetchPace(25);
  assert.equal(after(pace, 1_000), 0);
  for (let call = 0; call < 100; call += 1) pace.handled(20);
  assert.ok(Math.abs(pace.pause_ms(1_000) - 20) < 0.1);
  for (let call = 0; call < 100; call += 1) pace.handled(1_000);
  assert.equal(pace.pause_ms(1_000), 25);
  for (let call = 0; call < 100; call += 1) pace.handled(1);
  assert.equal(pace.pause_ms(1_000), 0);
});

test("a patient one waits its longest, whatever handling takes", () => {
  const pace = new FetchPace(50, true);
  for (let call = 0; call < 100; call += 1) pace.handled(1);
  assert.equal(after(pace, 1_000), 50);
});

test("a burst is forgotten", () => {
  const pace = new FetchPace(4, true);
  pace.took(1_000, 0);
  assert.equal(pace.pause_ms(0), 4);
  assert.equal(pace.pause_ms(1_000), 0);
});

test("without a longest there is no pause", () => {
  assert.equal(after(new FetchPace(0, true), 10_000), 0);
});
