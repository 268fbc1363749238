/** What a run does that takes up a job, by what the ledger has of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Entry } from "../../../../libs/shared/redis/attempt-entry.ts";
import { type OpeningContext, opening } from "../../../../services/inference/ledger/opening.ts";

const NOW_MS = 1_000_000;
const CONTEXT: OpeningContext = { run: "b.1", round: 0, on_unknown: "retry", now_ms: NOW_MS, owner_lives: false };
const RUN = { run: "a.1", calls: 2, unknown: 0 };
const ANSWER = { ending: { status: "succeeded", timing: {} } as const, response: undefined };
const RESERVED: Entry = { state: "reserved", ...RUN, until_ms: NOW_MS + 1 };
const DISPATCHED: Entry = { state: "dispatched", ...RUN, until_ms: NOW_MS };
const BATCH = { batch_id: "b", custom_id: "c" };
const mine = (calls: number, unknown: number) => ({ run: "b.1", calls, unknown });

const rows: readonly (readonly [what: string, entry: Entry, more: Partial<OpeningContext>, expected: object])[] = [
  ["a fresh job is reserved", { state: "none" }, {}, { kind: "reserve", run: mine(0, 0), lost: 0 }],
  ["a published one is done", { state: "published" }, {}, { kind: "done" }],
  [
    "an answer is published without a call",
    { state: "answered", ...RUN, answer: ANSWER },
    {},
    { kind: "answered", answer: ANSWER },
  ],
  [
    "one that left in this round is done",
    { state: "left", round: 1, calls: 4, unknown: 1 },
    { round: 1 },
    { kind: "done" },
  ],
  [
    "one that left in a later round is done",
    { state: "left", round: 2, calls: 4, unknown: 1 },
    { round: 1 },
    { kind: "done" },
  ],
  [
    "one that left in the round before goes on with its counts",
    { state: "left", round: 0, calls: 4, unknown: 1 },
    { round: 1, on_unknown: "quarantine" },
    { kind: "reserve", run: mine(4, 1), lost: 0 },
  ],
  ["a living run's reservation is waited for", RESERVED, { owner_lives: true }, { kind: "wait" }],
  [
    "a reservation that ran out is taken, though its process lives",
    { ...RESERVED, until_ms: NOW_MS },
    { owner_lives: true },
    { kind: "reserve", run: mine(2, 0), lost: 0 },
  ],
  ["a dead run's reservation is taken without a count", RESERVED, {}, { kind: "reserve", run: mine(2, 0), lost: 0 }],
  [
    "an unknown answer that was counted is not counted again",
    { ...RESERVED, unknown: 1 },
    {},
    { kind: "reserve", run: mine(2, 1), lost: 0 },
  ],
  [
    "an unknown answer that was counted is for a person, where one decides",
    { ...RESERVED, unknown: 1 },
    { on_unknown: "quarantine" },
    { kind: "quarantine", run: mine(2, 1), lost: 0 },
  ],
  ["a living run's call is waited for", DISPATCHED, { owner_lives: true, now_ms: NOW_MS + 9_999 }, { kind: "wait" }],
  [
    "a living run's call that is overdue is lost",
    DISPATCHED,
    { owner_lives: true, now_ms: NOW_MS + 10_000 },
    { kind: "reserve", run: mine(2, 1), lost: 1 },
  ],
  ["a dead run's call is lost", DISPATCHED, {}, { kind: "reserve", run: mine(2, 1), lost: 1 }],
  [
    "a dead run's call is for a person, where one decides",
    DISPATCHED,
    { on_unknown: "quarantine" },
    { kind: "quarantine", run: mine(2, 1), lost: 1 },
  ],
  [
    "a call in a provider's batch is waited for, not lost",
    { ...DISPATCHED, batch: BATCH },
    { on_unknown: "quarantine" },
    { kind: "resume", run: mine(2, 0), batch: BATCH },
  ],
];

describe("the opening", () => {
  for (const [what, entry, more, expected] of rows) {
    test(what, () => assert.deepEqual(opening(entry, { ...CONTEXT, ...more }), expected));
  }
});
