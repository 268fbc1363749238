/** A what-if over recorded requests: what would have become of each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { costOf, type RecordedInput, recordedOf, responseOf, settingsOf, stretchesOf, whatIf } from "./fixture.ts";

const SECOND = 1_000;
const LARGE = settingsOf({ routing: "{ default_tier: large, embeddings_tier: embed, complexity: { method: none } }" });

describe("the settings as they were", () => {
  const inputs: readonly RecordedInput[] = [
    { id: "a", text: "one" },
    { id: "b", text: "two", at_ms: 10, partition: 1, tokens: [100, 50] },
    { id: "c", text: "one", at_ms: SECOND, cache: "exact" },
    { id: "d", text: "two", at_ms: 50, partition: 1, cache: "coalesced" },
    { id: "e", text: "one", tenant: "other", at_ms: 2 * SECOND, took_ms: 700 },
    {
      id: "f",
      at_ms: 3 * SECOND,
      status: "failed",
      error: { code: "provider_error", type: "api_error", message: "no" },
    },
  ];

  test("tiers, hits, failures, costs and times are as recorded", async () => {
    const { results, report, answers } = await whatIf(inputs);
    for (const input of inputs) {
      const result = results.get(input.id);
      const { head } = recordedOf(input).outcome ?? {};
      assert.equal(result?.status, head?.status, input.id);
      assert.equal(result?.route?.tier, head?.route?.tier);
      assert.equal(result?.route?.cache, head?.route?.cache);
      assert.deepEqual(result?.usage?.cost_usd, head?.usage?.cost_usd);
      assert.deepEqual(result?.replay, { id: "replay-1", mode: "what-if" });
    }
    const { before, after, estimated, moves } = report;
    assert.equal(after.cost_nusd, before.cost_nusd);
    assert.deepEqual(after.hits, before.hits);
    assert.deepEqual(after.by_tier, before.by_tier);
    assert.deepEqual(moves, { tier: {}, cache: {}, status: {} });
    assert.equal(estimated.requests, 0);
    assert.equal(answers.get("c"), responseOf("answer to one").toString());
    const { timing } = results.get("e") ?? {};
    assert.equal((timing?.completed ?? 0) - (timing?.received ?? 0), 702);
  });

  test("Results are written in the order of their partition, and ranges are told at the end", async () => {
    const { written, finished, replayed } = await whatIf(inputs);
    const of_zero = written.filter(({ source }) => source.partition === 0).flatMap(({ items }) => items);
    assert.deepEqual(
      of_zero.map(({ offset }) => offset),
      [0, 1, 2, 3],
    );
    assert.equal(finished.length, 2);
    assert.deepEqual([...new Set(replayed.map(({ calls, cost_nusd }) => `${calls} ${cost_nusd}`))], ["0 0"]);
  });
});

describe("another tier", () => {
  test("costs its price for the tokens that were used", async () => {
    const inputs: readonly RecordedInput[] = [
      { id: "a", tokens: [1_000, 40] },
      { id: "b", at_ms: SECOND, tokens: [7, 3] },
    ];
    const { results, report } = await whatIf(inputs, { settings: LARGE, base: settingsOf() });
    assert.equal(report.after.cost_nusd, costOf("large-1", [1_000, 40]) + costOf("large-1", [7, 3]));
    assert.equal(report.before.cost_nusd, costOf("small-1", [1_000, 40]) + costOf("small-1", [7, 3]));
    assert.equal(results.get("a")?.route?.model, "large-1");
    assert.deepEqual(report.moves.tier, { "small → large": 2 });
    assert.equal(report.estimated.share, 1);
  });

  test("answers what another one failed at; the same tier fails again", async () => {
    const error = { code: "provider_error", type: "api_error", message: "no" };
    const inputs: readonly RecordedInput[] = [{ id: "a" }, { id: "b", at_ms: SECOND, status: "failed", error }];
    const same = await whatIf(inputs);
    assert.equal(same.results.get("b")?.error?.code, "provider_error");
    const { results, answers } = await whatIf(inputs, { settings: LARGE });
    assert.equal(results.get("b")?.status, "succeeded");
    assert.equal(results.get("b")?.usage?.estimated, true);
    assert.equal(answers.get("b"), undefined);
  });

  test("a tier that is asked for by name stays, and one that is not there is refused", async () => {
    const inputs: readonly RecordedInput[] = [
      { id: "a", request: { tier: "small" } },
      { id: "b", request: { tier: "gone" }, at_ms: 1 },
    ];
    const { results } = await whatIf(inputs, { settings: LARGE });
    assert.equal(results.get("a")?.route?.tier, "small");
    assert.equal(results.get("b")?.error?.code, "model_unknown");
  });
});

describe("a climb through the tiers", () => {
  const climbed: RecordedInput = {
    id: "a",
    tier: "large",
    tokens: [200, 60],
    route: { escalated_from: "small", attempts: 2, decision: { by: "escalation", detail: "cut_off" } },
  };
  const climbing =
    "{ default_tier: small, embeddings_tier: embed, complexity: { method: none }, escalation: { enabled: true } }";

  test("stays where it began in the same tier, with all that it cost", async () => {
    const { results, report } = await whatIf([climbed], { settings: settingsOf({ routing: climbing }) });
    assert.equal(results.get("a")?.route?.tier, "large");
    assert.equal(results.get("a")?.route?.escalated_from, "small");
    assert.equal(report.after.cost_nusd, report.before.cost_nusd);
  });

  test("is one call where nothing climbs, or where it begins elsewhere", async () => {
    const { results } = await whatIf([climbed]);
    assert.equal(results.get("a")?.route?.tier, "small");
    assert.equal(results.get("a")?.usage?.cost_usd, costOf("small-1", [200, 60]) / 1e9);
  });
});

describe("the cache", () => {
  test("is filled only as long as the settings keep answers", async () => {
    const inputs: readonly RecordedInput[] = [
      { id: "a", text: "one" },
      { id: "b", text: "one", at_ms: 30 * 60_000 },
      { id: "c", text: "one", at_ms: 120 * 60_000 },
    ];
    const cache = "{ ttl_hours: 1, semantic: { enabled: false } }";
    const { results } = await whatIf(inputs, { settings: settingsOf({ cache }) });
    assert.deepEqual(
      ["a", "b", "c"].map((id) => results.get(id)?.route?.cache),
      ["miss", "exact", "miss"],
    );
  });

  test("costs what its answer has used, where there would be none", async () => {
    const inputs: readonly RecordedInput[] = [
      { id: "a", text: "one", tokens: [30, 9] },
      { id: "b", text: "one", at_ms: SECOND, cache: "exact", tokens: [30, 9] },
    ];
    const cache = "{ exact: { enabled: false }, semantic: { enabled: false } }";
    const { report, results } = await whatIf(inputs, { settings: settingsOf({ cache }) });
    assert.equal(report.after.cost_nusd, 2 * costOf("small-1", [30, 9]));
    assert.equal(results.get("b")?.route?.cache, "bypass");
    assert.deepEqual(report.moves.cache, { "exact → bypass": 1, "miss → bypass": 1 });
  });

  test("lets identical requests wait for the one under way, and call for themselves when that fails", async () => {
    const error = { code: "provider_error", type: "api_error", message: "no" };
    const inputs: readonly RecordedInput[] = [
      { id: "a", text: "one", status: "failed", error, took_ms: 500 },
      { id: "b", text: "one", at_ms: 100 },
      { id: "c", text: "two", at_ms: 5_000, took_ms: 500 },
      { id: "d", text: "two", at_ms: 5_100 },
    ];
    const { results } = await whatIf(inputs);
    assert.equal(results.get("b")?.route?.cache, "miss");
    assert.equal((results.get("b")?.timing.routed ?? 0) - (results.get("a")?.timing.completed ?? 0), 0);
    assert.equal(results.get("d")?.route?.cache, "coalesced");
    assert.equal(results.get("d")?.timing.completed, results.get("c")?.timing.completed);
  });

  test("honours what requests say of it", async () => {
    const inputs: readonly RecordedInput[] = [
      { id: "a", text: "one" },
      { id: "b", text: "one", at_ms: SECOND, request: { cache: { mode: "bypass" } } },
      { id: "c", text: "new", at_ms: SECOND, request: { cache: { mode: "only" } } },
      { id: "d", text: "one", at_ms: SECOND, request: { cache: { mode: "only" } } },
    ];
    const { results } = await whatIf(inputs);
    assert.equal(results.get("b")?.route?.cache, "bypass");
    assert.equal(results.get("c")?.error?.code, "cache_miss");
    assert.equal(results.get("d")?.route?.cache, "exact");
  });

  test("finds by meaning with the embedder of the settings", async () => {
    const embedder = {
      ...{ model: "all-minilm-l6-v2-q", dimensions: 2 },
      embed: async (texts: readonly string[]) => texts.map(() => Float32Array.of(1, 0)),
      close: async () => {},
    };
    const inputs: readonly RecordedInput[] = [
      { id: "a", text: "one" },
      { id: "b", text: "uno", at_ms: SECOND },
    ];
    const settings = settingsOf({ cache: "{}" });
    const { results, report, answers } = await whatIf(inputs, { settings, embedder });
    assert.equal(results.get("b")?.route?.cache, "semantic");
    assert.equal(results.get("b")?.route?.similarity, 1);
    assert.equal(answers.get("b"), responseOf("answer to one").toString());
    assert.equal(report.by_meaning, "on");
    assert.equal((await whatIf(inputs, { settings })).report.by_meaning, "unavailable");
  });
});

describe("limits", () => {
  test("a rate refuses what is beyond it, by the time of arrival", async () => {
    const inputs = Array.from({ length: 5 }, (_, at) => ({ id: `r${at}`, at_ms: at * SECOND }));
    const plan = "{ limits: { tenant: { requests_per_minute: 3 } } }";
    const { results, report } = await whatIf([...inputs, { id: "later", at_ms: 90 * SECOND }], {
      settings: settingsOf({ plan }),
    });
    assert.deepEqual(report.after.refused, { rate_limited: 2 });
    assert.equal(results.get("r3")?.status, "rejected");
    assert.ok((results.get("r3")?.error?.retry_after_ms ?? 0) > 0);
    assert.equal(results.get("later")?.status, "succeeded");
  });

  test("what may wait is asked again when there is room", async () => {
    const inputs = Array.from({ length: 4 }, (_, at) => ({
      id: `r${at}`,
      at_ms: at,
      request: { on_limit: "defer" },
    }));
    const plan = "{ limits: { tenant: { requests_per_minute: 3 } } }";
    const { results, report } = await whatIf(inputs, { settings: settingsOf({ plan }) });
    const { timing, status } = results.get("r3") ?? {};
    assert.equal(status, "succeeded");
    assert.ok((timing?.admitted ?? 0) - (timing?.received ?? 0) >= 59 * SECOND);
    assert.equal(report.deferred, 1);
    assert.deepEqual(report.after.refused, {});
  });

  test("a request in flight keeps its place until its call ends", async () => {
    const inputs: readonly RecordedInput[] = [
      { id: "a", took_ms: 1_000 },
      { id: "b", at_ms: 500 },
      { id: "c", at_ms: 1_500 },
    ];
    const settings = settingsOf({ plan: "{ limits: { in_flight_max: 1 } }" });
    const { results } = await whatIf(inputs, { settings });
    assert.equal(results.get("b")?.error?.code, "in_flight_exceeded");
    assert.equal(results.get("c")?.status, "succeeded");
  });

  test("a request that a lower budget refused then is estimated now", async () => {
    const error = { code: "budget_exceeded", type: "insufficient_quota", message: "no" };
    const inputs: readonly RecordedInput[] = [
      { id: "a", tokens: [10, 20] },
      { id: "b", at_ms: SECOND, status: "rejected", error },
    ];
    const { results, answers, report } = await whatIf(inputs);
    const { usage, status } = results.get("b") ?? {};
    assert.equal(status, "succeeded");
    assert.equal(usage?.estimated, true);
    assert.equal(usage?.completion_tokens, 20);
    assert.ok((usage?.prompt_tokens ?? 0) > 0);
    assert.equal(answers.get("b"), undefined);
    assert.equal(report.estimated.requests, 1);
    assert.deepEqual(report.moves.status, { "rejected → succeeded": 1 });
  });

  test("a deadline that would pass before the answer", async () => {
    const deadline = new Date(recordedOf({ id: "x" }).received_ms + 300).toISOString();
    const inputs: readonly RecordedInput[] = [
      { id: "slow", tier: "large", took_ms: 5_000 },
      { id: "b", at_ms: 1, request: { deadline } },
      { id: "late", at_ms: 400, request: { deadline } },
    ];
    const { results } = await whatIf(inputs, { settings: LARGE });
    assert.equal(results.get("b")?.error?.code, "deadline_exceeded");
    assert.equal(results.get("b")?.status, "expired");
    assert.equal(results.get("late")?.route, undefined);
    assert.equal(results.get("late")?.status, "expired");
  });
});

describe("what cannot be run", () => {
  test("repeats cause nothing, and what has no request has no Result", async () => {
    const items = stretchesOf([{ id: "a" }, { id: "a", at_ms: 1 }, { id: "b", at_ms: 2 }]);
    const [, , third] = items.get(0) ?? [];
    const { request: _request, ...without } = third?.recorded ?? recordedOf({ id: "b" });
    items.get(0)?.splice(2, 1, { offset: 2, recorded: without }, { offset: 5, skipped: "filtered" });
    const { results, report, written } = await whatIf([], { items });
    assert.equal(results.size, 1);
    assert.deepEqual([report.repeated, report.unreadable, report.records], [1, 1, 3]);
    assert.deepEqual(
      written.flatMap(({ items: of_write }) => of_write.map(({ offset }) => offset)),
      [0, 1, 2, 5],
    );
  });

  test("one that is still under way is estimated", async () => {
    const { results } = await whatIf([{ id: "a" }, { id: "b", at_ms: SECOND, open: true }]);
    assert.equal(results.get("b")?.usage?.estimated, true);
  });
});

describe("bounds", () => {
  test("a wait that holds back too much is ended as a refusal, and counted", async () => {
    const inputs: readonly RecordedInput[] = Array.from({ length: 12 }, (_, at) => ({
      ...{ id: `r${at}`, at_ms: at, partition: 0 },
      ...(at === 3 ? { request: { on_limit: "defer" } } : {}),
    }));
    const settings = settingsOf({ plan: "{ limits: { tenant: { requests_per_minute: 3 } } }" });
    const { results, report, replayed } = await whatIf(inputs, {
      settings,
      bounds: { window: 2, held_bytes_max: 5_000 },
    });
    assert.equal(results.get("r3")?.error?.code, "rate_limited");
    assert.deepEqual([report.deferred, report.given_up], [1, 1]);
    assert.deepEqual(
      replayed.map(({ recorded }) => recorded.id),
      inputs.map(({ id }) => id),
    );
  });

  test("windows of preparation decide nothing", async () => {
    const inputs: readonly RecordedInput[] = Array.from({ length: 12 }, (_, at) => ({
      ...{ id: `r${at}`, at_ms: at * 40, text: `text ${at % 4}`, partition: at % 2 },
    }));
    const { report } = await whatIf(inputs);
    for (const bounds of [{ window: 1 }, { window: 5 }, { window_bytes: 1 }]) {
      assert.deepEqual((await whatIf(inputs, { bounds })).report, report);
    }
  });
});

test("a run that is stopped writes what is done, and says so", async () => {
  const stopping = new AbortController();
  stopping.abort();
  const { stopped, finished } = await whatIf([{ id: "a" }], { stopping: stopping.signal });
  assert.equal(stopped?.code, "stopping");
  assert.deepEqual(finished, []);
});
