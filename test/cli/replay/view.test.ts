import assert from "node:assert/strict";
import { test } from "node:test";
import { exitOf } from "../../../cli/replay/run.ts";
import { endLine, listText, paceNote, previewText, replayJson, showText } from "../../../cli/replay/view.ts";
import { NO_TOTALS, type Replay } from "../../../libs/shared/replay/replay.ts";
import { NAMES } from "../../support/memory-ports.ts";

const REPLAY: Replay = {
  ...{ id: "rp_1", status: "previewed", runner: "cli", by: "ann", created_ms: 0, updated_ms: 0 },
  spec: { mode: "shadow", tier: "small", selection: { topic: "llm.requests" }, webhooks: true },
  preview: {
    ...{ read: 2_000, selected: 1_200, unreadable: 3, by_status: { failed: 200, succeeded: 1_000 } },
    ...{ by_tier: { large: 1_200 }, by_tenant: { demo: 1_200 }, calls: 1_190, without_record: 10 },
    ...{ expected_nusd: 1_500_000_000, most_nusd: 2_000_000_000, recorded_nusd: 3_000_000_000 },
  },
  totals: NO_TOTALS,
};

test("a preview says what it would do, and what that costs", () => {
  const text = previewText(REPLAY, NAMES);
  for (const said of [
    "shadow on tier small of llm.requests",
    "1,200 selected of 2,000 read, 3 unreadable, 10 with nothing recorded to use",
    "succeeded 1,000, failed 200",
    "1,190",
    "$1.50 expected, $2.00 at the most; recorded: $3.00",
    "llm.results.replay.rp_1",
    "webhooks are told",
  ]) {
    assert.ok(text.includes(said), `${said}\n${text}`);
  }
  const { preview } = REPLAY;
  assert.ok(preview);
  const free = {
    ...REPLAY,
    spec: { mode: "reuse", selection: REPLAY.spec.selection } as const,
    preview: { ...preview, calls: 0 },
  };
  assert.match(previewText(free, NAMES), /nothing is called; recorded: \$3\.00/);
  assert.match(previewText(free, NAMES), /no webhook, no charge, nothing in the cache/);
});

test("for scripts, money is in dollars", () => {
  const json = replayJson({ ...REPLAY, budget_nusd: 2_500_000_000 }, NAMES) as Record<string, Record<string, unknown>>;
  assert.equal(json["budget_usd"], 2.5);
  assert.equal(json["topic"], "llm.results.replay.rp_1");
  assert.deepEqual([json["preview"]?.["expected_usd"], json["totals"]?.["cost_usd"]], [1.5, 0]);
  assert.equal(json["preview"]?.["expected_nusd"], undefined);
});

test("the results of what a stage sends on are no replay's own", () => {
  const { selection } = REPLAY.spec;
  for (const stage of ["ingest", "router", "inference"] as const) {
    const sent: Replay = { ...REPLAY, spec: { mode: "stage", stage, selection } };
    assert.equal((replayJson(sent, NAMES) as { topic: string }).topic, "llm.results");
    for (const text of [previewText(sent, NAMES), showText(sent, NAMES), endLine(sent, NAMES)]) {
      assert.doesNotMatch(text, /llm\.results\.replay/);
    }
  }
  const corrected: Replay = { ...REPLAY, spec: { mode: "stage", stage: "results", selection } };
  assert.equal((replayJson(corrected, NAMES) as { topic: string }).topic, "llm.results.replay.rp_1");
});

test("lists, details and ends", () => {
  const totals = { passed: 5, of: 10, selected: 5, by_fate: { called: 5 }, calls: 6, cost_nusd: 1_000_000 };
  const error = { code: "replay_budget_used", message: "used up" };
  const paused = { ...REPLAY, status: "paused", totals, error } as const;
  assert.match(listText([paused]), /rp_1 .*shadow .*paused .*5\/10/);
  assert.equal(listText([]), "no replays\n");
  assert.match(showText(paused, NAMES), /paused: replay_budget_used: used up/);
  assert.match(endLine(paused, NAMES), /rp_1 paused .*5 of 10 passed: called 5, 6 calls for \$0\.001/);
  assert.equal(paceNote(totals, { passed: 0, at_ms: 0 }, 1_000), "5/s, 1.00 s left, $0.001");
  assert.equal(paceNote({ ...totals, calls: 0 }, { passed: 5, at_ms: 0 }, 1_000), "");
});

test("exit codes tell how it ended", () => {
  assert.equal(exitOf({}, "completed"), 0);
  assert.equal(exitOf({}, "paused"), 130);
  assert.equal(exitOf({ error: { code: "replay_budget_used", message: "" } }, "paused"), 4);
  assert.equal(exitOf({ error: { code: "usage", message: "" } }, "failed"), 2);
  assert.equal(exitOf({ error: { code: "internal_error", message: "" } }, "failed"), 1);
  assert.equal(exitOf({}, "lost"), 1);
});
