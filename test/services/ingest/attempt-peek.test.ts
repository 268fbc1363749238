/** What the attempt ledger's entry of a job says of the calls that were sent for it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Entry, encodeEntry } from "../../../libs/shared/redis/attempt-entry.ts";
import { callsSentBy, callsSentOver } from "../../../services/ingest/attempt-peek.ts";

const NOW_MS = 1_000;
const run = { run: "inference-1.7", calls: 0, unknown: 0 };
const ending = { status: "succeeded", timing: { received: 1 } } as const;

const rows: readonly (readonly [what: string, entry: Entry, sent: string])[] = [
  ["taken up and left without a call", { state: "reserved", ...run, until_ms: NOW_MS }, "none"],
  ["taken up by somebody who works on it", { state: "reserved", ...run, until_ms: NOW_MS + 1 }, "under_way"],
  ["taken up after a call", { state: "reserved", ...run, calls: 1, until_ms: NOW_MS }, "sent"],
  ["called", { state: "dispatched", ...run, calls: 1, until_ms: NOW_MS }, "sent"],
  ["in a call", { state: "dispatched", ...run, calls: 1, until_ms: NOW_MS + 1 }, "under_way"],
  ["answered", { state: "answered", ...run, calls: 1, answer: { ending, response: Buffer.from("{}") } }, "sent"],
  ["passed on", { state: "passed_on", calls: 1, unknown: 0 }, "sent"],
  ["told", { state: "published" }, "under_way"],
  ["gone back without a call", { state: "left", round: 1, calls: 0, unknown: 0 }, "none"],
  ["gone back after a call", { state: "left", round: 1, calls: 2, unknown: 0 }, "sent"],
];

describe("a request of several hops", () => {
  const textOf = (entry: Entry): string => encodeEntry(entry).toString();
  const passed = textOf({ state: "passed_on", calls: 1, unknown: 0 });
  const context = { now_ms: NOW_MS, kept_ever_since: true };
  for (const [what, texts, sent] of [
    ["whose next hop is not taken up yet", [passed, null, null], "sent"],
    [
      "whose next hop somebody works on",
      [passed, textOf({ state: "reserved", ...run, until_ms: NOW_MS + 1 })],
      "under_way",
    ],
    ["whose next hop was given up before a call", [passed, textOf({ state: "reserved", ...run, until_ms: 0 })], "sent"],
    [
      "whose last hop is in a call",
      [passed, passed, textOf({ state: "dispatched", ...run, until_ms: NOW_MS + 1 })],
      "under_way",
    ],
    ["whose first entry is forgotten", [null, textOf({ state: "reserved", ...run, until_ms: 0 })], "sent"],
    ["whose outcome is told", [passed, textOf({ state: "published" })], "under_way"],
    ["of which nothing is known", [null, null], "none"],
    ["that has one hop", [textOf({ state: "left", round: 1, calls: 0, unknown: 0 }), null], "none"],
  ] as const) {
    test(`${what}: ${sent}`, () => assert.equal(callsSentOver(texts, context), sent));
  }
});

describe("a job", () => {
  for (const [what, entry, sent] of rows) {
    test(`${what}: ${sent}`, () => {
      const text = encodeEntry(entry).toString();
      for (const kept_ever_since of [true, false]) {
        assert.equal(callsSentBy(text, { now_ms: NOW_MS, kept_ever_since }), sent);
      }
    });
  }

  test("of which there is no entry was not called, if Redis forgot nothing", () => {
    assert.equal(callsSentBy(null, { now_ms: NOW_MS, kept_ever_since: true }), "none");
    assert.equal(callsSentBy(null, { now_ms: NOW_MS, kept_ever_since: false }), "unknown");
  });

  test("whose entry nobody can read may have been called", () => {
    assert.equal(callsSentBy("nonsense", { now_ms: NOW_MS, kept_ever_since: true }), "unknown");
  });
});
