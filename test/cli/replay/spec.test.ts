import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseBudget, parseLabel, parseList, parseOffsets, type SpecFlags, specOf } from "../../../cli/replay/spec.ts";
import { NAMES } from "../../support/memory-ports.ts";

const NOW_MS = 1_800_000_000_000;
const CONTEXT = { names: NAMES, prefix: "llm.", tiers: ["small", "large"], now_ms: NOW_MS };
const SETTINGS = { name: "new.yaml", yaml: "tiers: {}" };

describe("what sluice replay asks for", () => {
  test("without flags: all recorded requests of both lanes, with their recorded answers", () => {
    assert.deepEqual(specOf({}, CONTEXT), {
      mode: "reuse",
      selection: { topic: "llm.requests,llm.requests.batch" },
    });
  });

  test("a selection by time, place and what is recorded", () => {
    const flags: SpecFlags = {
      ...{ topic: "requests, llm.requests.batch", since: "1h", until: "2027-01-15T07:30:00Z", tenant: "demo" },
      ...{ status: ["failed"], tier: ["small"], model: ["m"], errorCode: ["x"], label: { a: "b" }, limit: 5 },
    };
    assert.deepEqual(specOf(flags, CONTEXT).selection, {
      ...{ topic: "llm.requests,llm.requests.batch", from_ms: NOW_MS - 3_600_000, to_ms: Date.UTC(2027, 0, 15, 7, 30) },
      ...{ tenant: "demo", status: ["failed"], tier: ["small"], model: ["m"], error_code: ["x"], label: { a: "b" } },
      limit: 5,
    });
  });

  test("a stage alone says its mode and its topics", () => {
    const topics = (stage: NonNullable<SpecFlags["stage"]>) => specOf({ stage }, CONTEXT).selection.topic;
    assert.equal(specOf({ stage: "results" }, CONTEXT).mode, "stage");
    assert.equal(topics("results"), "llm.outcomes");
    assert.equal(topics("router"), "llm.admitted,llm.admitted.batch");
    assert.equal(topics("inference"), "llm.jobs.small,llm.jobs.small.batch,llm.jobs.large,llm.jobs.large.batch");
    assert.equal(specOf({ stage: "inference", topic: "jobs.small" }, CONTEXT).selection.topic, "llm.jobs.small");
  });

  test("what makes no sense is wrong usage", () => {
    const wrong: readonly [SpecFlags, object?][] = [
      [{ mode: "shadow" }],
      [{ topic: "nope" }],
      [{ mode: "shadow", toTier: "small", toModel: "m" }],
      [{ mode: "what-if" }],
      [{ mode: "what-if", toTier: "small" }, { settings: SETTINGS }],
      [{ toTier: "small" }],
      [{ charge: true }],
      [{ mode: "what-if", webhooks: true }, { settings: SETTINGS }],
      [{ stage: "results", fillCache: true }],
      [{ mode: "stage" }],
      [{ mode: "reuse", stage: "router" }],
      [{ since: "yesterday" }],
      [{ topic: " , " }],
      [{ fromOffsets: [{ partition: 0, from: 0, to: 1 }] }],
      [{ topic: "a,b", fromOffsets: [{ partition: 0, from: 0, to: 1 }] }],
    ];
    for (const [flags, more] of wrong) {
      assert.throws(() => specOf(flags, { ...CONTEXT, ...more }), { code: "usage" }, JSON.stringify(flags));
    }
    const fromOffsets = [{ partition: 0, from: 0, to: 1 }];
    assert.deepEqual(specOf({ topic: "requests", fromOffsets }, CONTEXT).selection.offsets, fromOffsets);
    assert.equal(specOf({ mode: "recompute", charge: true, webhooks: true }, CONTEXT).charge, true);
    assert.equal(specOf({ mode: "what-if" }, { ...CONTEXT, settings: SETTINGS }).settings, SETTINGS);
  });

  test("flags that may be repeated", () => {
    assert.deepEqual(parseOffsets("3:5-9", parseOffsets("0:0-1")), [
      { partition: 0, from: 0, to: 1 },
      { partition: 3, from: 5, to: 9 },
    ]);
    for (const text of ["3", "3:9-5", "3:5-5", "-1:0-1", "a:0-1"]) {
      assert.throws(() => parseOffsets(text), { code: "usage" }, text);
    }
    assert.deepEqual(parseList("a, b", ["c"]), ["c", "a", "b"]);
    assert.deepEqual(parseLabel("k=v=w", { a: "b" }), { a: "b", k: "v=w" });
    assert.throws(() => parseLabel("k"), { code: "usage" });
    assert.equal(parseBudget("2.50"), 2.5);
    for (const text of ["0", "-1", "1e3", "x"]) assert.throws(() => parseBudget(text), { code: "usage" }, text);
  });
});
