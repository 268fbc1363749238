/** `sluice dlq` without its parts: what the flags mean, and how letters read. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chosenFilter, filterOf } from "../../../cli/dlq/selection.ts";
import { groupsTable, letterLines, planLine, shortened, summaryLines, valueText } from "../../../cli/dlq/view.ts";
import type { FoundLetter } from "../../../libs/shared/dead-letters/dead-letters.ts";
import { letterOf } from "../../../libs/shared/dead-letters/letter.ts";
import type { RedriveSummary } from "../../../libs/shared/dead-letters/redriving.ts";
import { letterRecord } from "../../support/dead-letters.ts";
import { inRecord } from "../../support/memory-ports.ts";

const NOW_MS = Date.UTC(2026, 0, 31, 12);

describe("the selection", () => {
  test("takes durations and times, and lists", () => {
    const flags = { code: ["a", "b"], since: "2h", until: "2026-01-31T11:00:00Z", place: ["3:10"], id: ["x"] };
    assert.deepEqual(filterOf(flags, NOW_MS), {
      codes: ["a", "b"],
      since_ms: NOW_MS - 7_200_000,
      until_ms: NOW_MS - 3_600_000,
      ids: ["x"],
      places: ["3:10"],
    });
  });

  test("must say something where something is done", () => {
    assert.throws(() => chosenFilter({}, NOW_MS), { code: "usage" });
    assert.deepEqual(chosenFilter({ all: true }, NOW_MS), {});
    assert.throws(() => filterOf({ since: "yesterday" }, NOW_MS), { code: "usage" });
    assert.throws(() => filterOf({ place: ["3/10"] }, NOW_MS), { code: "usage" });
  });
});

describe("for people", () => {
  test("a reason is a line, with its sample on one line", () => {
    const group = {
      ...{ code: "not_json", service: "ingest", topic: "llm.requests", count: 3, waiting: 2, redriven: 1, dropped: 0 },
      ...{ first_ms: NOW_MS, last_ms: NOW_MS, sample: { place: "0:1", message: "two\nlines" } },
    };
    const [, line = ""] = groupsTable([group]).split("\n");
    assert.match(line, /^not_json +ingest +llm\.requests +2 +1 +0 +2026-01-31 12:00:00 .*0:1 +two lines$/);
  });

  test("long texts are shortened and secrets hidden, unless all is asked for", () => {
    const json = { api_key: "sk-1", body: { messages: [{ content: "x".repeat(1_000) }] } };
    const text = valueText({ kind: "json", json }, false);
    assert.ok(!text.includes("sk-1") && text.length < 600);
    assert.ok(valueText({ kind: "json", json }, true).includes("sk-1"));
    assert.deepEqual(shortened([1, null, "short"]), [1, null, "short"]);
  });

  test("a letter tells where it stood, whose it is, and what a redrive would do", () => {
    const letter = letterOf(letterRecord(inRecord("junk", { partition: 2, offset: 7 }), "not_json"));
    const plan = { kind: "left", fate: "looped", message: "it came back" } as const;
    const found: FoundLetter = { letter, plan, whose: undefined, ended: undefined, handled: undefined };
    const text = letterLines(found, { kind: "text", text: "junk", problem: "not JSON" }, false).join("\n");
    for (const part of [
      "redriven   0 times before",
      "request    cannot be read\n",
      "llm.requests 2:7",
      "not_json",
      "cannot be read",
      "nothing: it came back",
      "junk (not JSON)",
    ]) {
      assert.ok(text.includes(part), part);
    }
    const handled = { action: "dropped", at_ms: NOW_MS, by: "maria", why: "a test" } as const;
    const dropped = letterLines({ ...found, handled }, { kind: "none" }, true).join("\n");
    assert.ok(dropped.includes("dropped 2026-01-31 12:00:00 by maria: a test"));
    assert.ok(dropped.includes("dealt with once"));
  });

  test("a redrive's end is told by what became of the letters", () => {
    const summary: RedriveSummary = {
      ...{ id: "r", dry_run: false, selected: 4, sent_back: 1, run: 1, looped: 1, already_ended: 0, impossible: 0 },
      ...{ handled_before: 1, by_target: { "llm.jobs.small": 1 }, stopped: false },
      left: [{ place: "0:1", code: "c", fate: "looped", message: "it came back" }],
    };
    assert.deepEqual(summaryLines(summary), [
      "4 selected: 1 sent back, 1 run once more, 1 left: they came back too often, 1 dealt with before",
      "  1 to llm.jobs.small",
      "  c, such as 0:1: it came back",
    ]);
    assert.deepEqual(summaryLines({ ...summary, selected: 0 }), ["no dead letter fits"]);
  });

  test("what many are left for is said once, and leaves room for the rest", () => {
    const counts = { sent_back: 0, run: 0, looped: 5, already_ended: 1, impossible: 0, handled_before: 0 };
    const looped = ["0:1", "0:2", "0:3", "0:4"].map((place) => {
      return { place, code: "c", fate: "looped", message: "it came back" } as const;
    });
    const ended = { place: "1:1", code: "d", fate: "already_ended", message: "it has ended" } as const;
    const left = [...looped, ended];
    const summary = { id: "r", dry_run: true, selected: 6, ...counts, by_target: {}, stopped: false, left };
    const [, ...lines] = summaryLines(summary);
    assert.deepEqual(lines, ["  c, such as 0:1: it came back", "  d, such as 1:1: it has ended"]);

    const record = { topic: "t", key: null, value: null };
    assert.ok(planLine({ kind: "run", target: "t", id: "a.redrive1", of: "a", record }).includes("runs a once more"));
  });
});
