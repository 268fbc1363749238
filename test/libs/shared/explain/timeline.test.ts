/** What is told of a request, from what was found of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Result } from "../../../../libs/shared/events/flow.ts";
import { topicNames } from "../../../../libs/shared/events/topics.ts";
import { trailOf } from "../../../../libs/shared/events/trail.ts";
import { explanationSchema } from "../../../../libs/shared/explain/explanation.ts";
import type { Found, FoundLive, FoundRow } from "../../../../libs/shared/explain/found.ts";
import { explanationOf } from "../../../../libs/shared/explain/timeline.ts";

const NAMES = topicNames("llm.");
const RESULT: Result = {
  ...{ id: "r1", tenant: "demo", status: "succeeded", timing: { received: 1_000, admitted: 1_010, completed: 2_000 } },
  route: {
    ...{ tier: "small", model: "m", endpoint: "e", reason: "the default", cache: "miss", attempts: 2 },
    decision: { by: "default", cache: { candidates: [{ entry: "x", similarity: 0.8, rejected_by: "threshold" }] } },
  },
  usage: {
    ...{ prompt_tokens: 3, cached_prompt_tokens: 0, completion_tokens: 2, cost_usd: 0.5, price_version: "v1" },
    estimated: false,
  },
};
const CALL = { tier: "small", model: "m", endpoint: "e", duration_ms: 100 };
const KEPT: NonNullable<FoundRow["kept"]> = {
  trail: trailOf(
    "llm.requests 0 1 1005 5;llm.admitted 0 2 1015 5;llm.jobs.small 0 3 1030 10 retry:provider_error;" +
      "llm.retry.5s 0 4 1530 300;llm.admitted 0 5 1540 5;llm.jobs.small 0 6 1560 10;llm.outcomes 0 7 1990 5",
  ),
  attempts: [
    { ...CALL, at_ms: 1_040, outcome: "provider_error", status: 503, waited_ms: 10 },
    { ...CALL, at_ms: 1_600, outcome: "ok", waited_ms: 40, cost_usd: 0.5 },
  ],
  attempts_left_out: 0,
  fill: { entry_id: "own", store: true },
  reservation: { hold_id: "h", reserved_nusd: 2_000_000_000, tokens: 9, counters: [], at_ms: 1_008 },
};
const ROW: FoundRow = {
  ...{ result: RESULT, kept: KEPT, outcome: { topic: "llm.outcomes", partition: 0, offset: 7 } },
  ...{
    origin: "llm.requests 0 1 1000",
    content_hash: "h",
    job: "batch_1",
    user: "ann",
    kind: "chat",
    corrected_by: null,
  },
};
const NOTHING: Found = {
  ...{ tenant: "demo", id: "r1", row: undefined, live: undefined, deliveries: [], runs: [], scopes: [], notes: [] },
  records: { result: undefined, ledger: [], letters: [] },
};
const LIVE: FoundLive = { view: undefined, received_ms: 1_000, seen: undefined, states: [], entries: [] };
const SEEN: FoundLive["seen"] = { content_hash: "h", place: { topic: "llm.requests", partition: 0, offset: 1 } };

function told(found: Partial<Found>) {
  const explanation = explanationOf(NAMES, { ...NOTHING, ...found });
  if (explanation !== undefined) explanationSchema.parse(explanation);
  return explanation;
}

describe("an explanation", () => {
  test("of an id that nobody knows is none", () => {
    assert.equal(told({}), undefined);
    assert.equal(told({ live: LIVE }), undefined);
  });

  test("has each hop with its calls, in order, and what became of it", () => {
    const record = {
      topic: "llm.results",
      partition: 0,
      offset: 9,
      timestamp_ms: 2_010,
      key: null,
      value: null,
      headers: {},
    };
    const it = told({ row: ROW, records: { ...NOTHING.records, result: record } });
    assert.deepEqual(
      it?.steps.map(({ at_ms, service, what, offset, waited_ms, worked_ms }) => [
        at_ms,
        service,
        what,
        offset,
        waited_ms,
        worked_ms,
      ]),
      [
        [1_005, "ingest", "admitted", 1, 5, 5],
        [1_015, "router", "sent to tier small", 2, 5, 5],
        [1_030, "inference", "sent back for another round: provider_error", 3, 10, 200],
        [1_040, "inference", "call 1 to e, m: provider_error (503)", undefined, 10, 100],
        [1_530, "ingest", "entered again, and admitted", 4, 300, 5],
        [1_540, "router", "sent to tier small", 5, 5, 10],
        [1_560, "inference", "answered", 6, 10, 425],
        [1_600, "inference", "call 2 to e, m: ok", undefined, 40, 100],
        [1_990, "results", "the Result: succeeded", 7, 5, 20],
        [2_010, "results", "published", 9, undefined, undefined],
      ],
    );
  });

  test("says where all of the time went", () => {
    const record = {
      topic: "llm.results",
      partition: 0,
      offset: 9,
      timestamp_ms: 2_010,
      key: null,
      value: null,
      headers: {},
    };
    const it = told({ row: ROW, records: { ...NOTHING.records, result: record } });
    const time = Object.fromEntries(it?.time.map(({ of, ms }) => [of, ms]) ?? []);
    assert.deepEqual(time, {
      topics: 40,
      ingest: 10,
      router: 15,
      model: 200,
      turn: 50,
      inference: 375,
      retry: 300,
      results: 20,
    });
    assert.equal(
      Object.values(time).reduce((sum, ms) => sum + ms, 0),
      2_010 - 1_000,
    );
  });

  test("has the decision, the cache's candidates, money and links", () => {
    const settled = {
      ...{ topic: "llm.usage", partition: 0, offset: 1, at_ms: 2_000, kind: "settled", cause: "result" },
      ...{ reserved_usd: 2, settled_usd: 0.5 },
    };
    const it = told({ row: ROW, records: { ...NOTHING.records, ledger: [settled] } });
    assert.deepEqual(it?.decision, { tier: "small", model: "m", endpoint: "e", reason: "the default", by: "default" });
    assert.deepEqual(it?.cache, {
      outcome: "miss",
      candidates: RESULT.route?.decision?.cache?.candidates,
      filled: "own",
    });
    const { cost_usd, reserved_usd, settled_usd, tokens } = it?.money ?? {};
    assert.deepEqual([cost_usd, reserved_usd, settled_usd], [0.5, 2, 0.5]);
    assert.deepEqual(tokens, { prompt: 3, cached_prompt: 0, completion: 2, reserved: 9 });
    assert.deepEqual(it?.links.request, { topic: "llm.requests", partition: 0, offset: 1 });
    assert.deepEqual([it?.links.job, it?.total_ms, it?.notes], ["batch_1", 1_000, []]);
  });

  test("leaves out what does not fit in the trail, and says how much", () => {
    const trail = trailOf("llm.requests 0 1 1005 5;~3;llm.outcomes 0 7 1990 5");
    const it = told({ row: { ...ROW, kept: { ...KEPT, trail } } });
    assert.equal(it?.steps_left_out, 3);
    assert.deepEqual(
      it?.steps.map(({ what, worked_ms }) => [what, worked_ms]),
      [
        ["taken up", undefined],
        ["the Result: succeeded", undefined],
      ],
    );
    assert.ok((it?.time.find(({ of }) => of === "other")?.ms ?? 0) > 900);
  });

  test("of a row without a trail has its times, and says why there is no more", () => {
    const it = told({ row: { ...ROW, kept: undefined } });
    assert.deepEqual(
      it?.steps.map(({ at_ms, service }) => [at_ms, service]),
      [
        [1_000, "gateway"],
        [1_010, "ingest"],
        [2_000, "results"],
      ],
    );
    assert.equal(it?.notes.length, 1);
  });

  test("counts calls that are not listed", () => {
    const route = { ...RESULT.route, attempts: 5 } as NonNullable<Result["route"]>;
    const it = told({ row: { ...ROW, result: { ...RESULT, route } } });
    assert.match(it?.notes[0] ?? "", /^3 of its calls/);
  });

  test("of a refusal, a hit and a limit says so", () => {
    const of = (result: Partial<Result>, text: string) =>
      told({ row: { ...ROW, result: { ...RESULT, ...result }, kept: { ...KEPT, trail: trailOf(text), attempts: [] } } })
        ?.steps[0]?.what;
    const error = { code: "budget_exceeded", type: "t", message: "m" };
    const out = "llm.outcomes 0 7 1990 5";
    assert.equal(of({ status: "rejected", error }, `llm.requests 0 1 1005 5;${out}`), "rejected: budget_exceeded");
    assert.equal(of({}, `llm.admitted 0 1 1005 5;${out}`), "answered by the cache (miss)");
    const deferred = "llm.requests 0 1 1005 5 deferred:rate_tokens:user;llm.deferred 0 1 1100 5";
    assert.equal(of({}, `${deferred};${out}`), "deferred by a limit: rate_tokens of user");
    assert.equal(of({}, `llm.jobs.small 0 1 1005 5;llm.jobs.large.batch 0 2 1100 5;${out}`), "passed on to tier large");
    assert.equal(of({}, `other.topic 0 1 1005 5;${out}`), "succeeded");
  });

  test("names what it was made from, and what was made from it", () => {
    assert.equal(told({ id: "r1.redrive2", row: ROW })?.links.original, "r1");
    assert.equal(told({ id: "r1.appeal", row: ROW })?.links.original, "r1");
    const replay = { id: "x", mode: "redrive", of: "r0" };
    const runs = [{ id: "r1.redrive1", status: "succeeded" }];
    const { links } = told({ row: { ...ROW, result: { ...RESULT, replay }, corrected_by: "p1" }, runs }) ?? {};
    assert.deepEqual([links?.original, links?.replay, links?.corrected_by, links?.runs], ["r0", replay, "p1", runs]);
  });
});

describe("one that is under way stands", () => {
  const nowOf = (live: Partial<FoundLive>) => told({ live: { ...LIVE, ...live } })?.now;
  const queued = { status: "queued", updated_ms: 1_000 } as const;

  test("where it was told of last", () => {
    const at_ms = 1_100;
    const states: [FoundLive["states"][number]["state"], string | undefined][] = [
      [{ state: "admitted" }, "llm.admitted"],
      [{ state: "deferred", until_ms: 5_000 }, "llm.deferred"],
      [{ state: "routed", tier: "small", model: "m", cache: "miss" }, "llm.jobs.small"],
      [{ state: "started", attempt: 2 }, undefined],
      [{ state: "retrying", round: 1, due_ms: 5_000 }, undefined],
    ];
    for (const [state, topic] of states) {
      const it = nowOf({ view: queued, states: [{ at_ms, state }] });
      assert.deepEqual([it?.topic, it?.since_ms], [topic, at_ms], state.state);
    }
    assert.equal(
      nowOf({ view: queued, states: [{ at_ms, state: { state: "retrying", round: 1, due_ms: 5_000 } }] })?.until_ms,
      5_000,
    );
  });

  test("where its view, its calls or ingest have it, for one that nobody follows", () => {
    assert.equal(nowOf({ view: queued })?.topic, "llm.requests");
    assert.equal(nowOf({ seen: SEEN })?.topic, "llm.admitted");
    assert.equal(nowOf({ view: { status: "deferred", updated_ms: 1, until_ms: 5_000 } })?.topic, "llm.deferred");
    const run = { run: "a.1", calls: 1, unknown: 0 };
    assert.equal(
      nowOf({ seen: SEEN, entries: [{ state: "dispatched", ...run, until_ms: 9 }] })?.what,
      "a model is called",
    );
    assert.match(
      nowOf({ seen: SEEN, entries: [{ state: "left", round: 0, calls: 1, unknown: 0 }] })?.what ?? "",
      /retry topic/,
    );
  });

  test("and its steps are those that were told", () => {
    const states = [{ at_ms: 1_100, state: { state: "routed", tier: "small", model: "m", cache: "miss" } }] as const;
    const it = told({ live: { ...LIVE, view: { status: "running", updated_ms: 1 }, seen: SEEN, states } });
    assert.deepEqual(
      it?.steps.map(({ at_ms, service, topic }) => [at_ms, service, topic]),
      [
        [1_000, "gateway", "llm.requests"],
        [1_100, "router", undefined],
      ],
    );
    assert.equal(it?.status, "running");
    const late = told({ live: { ...LIVE, received_ms: 1_200, view: { status: "running", updated_ms: 1 }, states } });
    assert.deepEqual(late?.steps[0], { at_ms: 1_100, service: "gateway", what: "taken" }, "ingest was quicker");
  });
});
