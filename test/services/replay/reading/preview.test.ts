/** What a preview counts, and what it thinks calls would cost. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import type { Result } from "../../../../libs/shared/events/flow.ts";
import type { Range } from "../../../../libs/shared/replay/replay.ts";
import type { Recorded, RecordedItem, RecordedReader, Wanted } from "../../../../services/replay/contract.ts";
import { type PreviewPlan, preview } from "../../../../services/replay/reading/preview.ts";
import { inRecord } from "../../../support/memory-ports.ts";

const settings = parseSettings(
  readFileSync(new URL("../../../../sluice.yaml", import.meta.url), "utf8"),
  "sluice.yaml",
);
const [TIER, OTHER] = Object.keys(settings.tiers).filter((name) => settings.tiers[name]?.kind === "chat") as [
  string,
  string,
];
const modelOf = (tier: string): string => settings.tiers[tier]?.models[0] ?? "";
const route = { tier: TIER, model: modelOf(TIER), reason: "r", cache: "miss", attempts: 1 } as const;
const usage = {
  ...{ prompt_tokens: 1_000, cached_prompt_tokens: 0, completion_tokens: 100, cost_usd: 0.5 },
  ...{ price_version: "p", estimated: false },
};
const request = Buffer.from(
  JSON.stringify({ tenant: "demo", body: { messages: [{ role: "user", content: "Hi" }], max_tokens: 200 } }),
);
const range: Range = { topic: "t", partition: 0, from: 10, to: 20 };
const encodings = new Map();

function recorded(original: Partial<Result> | undefined, more: Partial<Recorded> = {}): Recorded {
  const whole = { id: "r", tenant: "demo", status: "succeeded", timing: {}, ...original } as const;
  return {
    ...{ source: inRecord({}), tenant: "demo", id: "r", key: null, received_ms: 50, headers: {}, request },
    ...(original === undefined ? {} : { original: whole }),
    ...more,
  };
}

class FakeReader implements RecordedReader {
  wanted: Wanted | undefined;
  readonly #items: readonly RecordedItem[];

  constructor(some: readonly (Recorded | "filtered" | "unreadable")[]) {
    this.#items = some.map((one, at) => {
      const offset = range.from + at;
      return typeof one === "string" ? { offset, skipped: one } : { offset, recorded: one };
    });
  }

  async ranges(): Promise<readonly Range[]> {
    return [range];
  }

  async *read(_range: Range, wanted: Wanted) {
    this.wanted = wanted;
    const source = { topic: "t", partition: 0 };
    yield { source, items: this.#items.slice(0, 2) };
    yield { source, items: this.#items.slice(2) };
  }
}

const see = (some: readonly (Recorded | "filtered" | "unreadable")[], plan: PreviewPlan) =>
  preview(new FakeReader(some), [range], plan);

describe("a preview", () => {
  const some = [
    recorded({ route, usage }),
    "filtered" as const,
    recorded({ status: "rejected" }, { received_ms: 70, tenant: "constructor" }),
    "unreadable" as const,
    recorded(undefined, { received_ms: 40 }),
  ];

  test("counts what was read and selected, and calls nothing for reuse", async () => {
    assert.deepEqual(await see(some, { mode: "reuse" }), {
      ...{ read: 5, selected: 3, unreadable: 1 },
      by_status: { succeeded: 1, rejected: 1, none: 1 },
      by_tier: { [TIER]: 1, none: 2 },
      by_tenant: { demo: 2, constructor: 1 },
      ...{ calls: 0, expected_nusd: 0, most_nusd: 0, without_record: 1, recorded_nusd: 500_000_000 },
      ...{ first_ms: 40, last_ms: 70 },
    });
    assert.equal((await see(some, { mode: "stage" })).without_record, 0, "what is sent again needs no record");
  });

  test("reads requests only where calls are thought of, and never outcomes", async () => {
    const reader = new FakeReader(some);
    await preview(reader, [range], { mode: "what-if" });
    assert.deepEqual(reader.wanted, { request: false, outcome: false });
    await preview(reader, [range], { mode: "recompute", settings, encodings });
    assert.deepEqual(reader.wanted, { request: true, outcome: false });
  });

  test("tells how far it is, to the end, and can be stopped", async () => {
    const told: number[] = [];
    await preview(new FakeReader(some), [range], { mode: "reuse" }, { onProgress: ({ passed }) => told.push(passed) });
    assert.deepEqual(told, [2, 5, 10]);
    const stopping = AbortSignal.abort(new Error("enough"));
    await assert.rejects(preview(new FakeReader(some), [range], { mode: "reuse" }, { stopping }), /enough/);
  });
});

describe("the cost of calls", () => {
  const price = (model: string) =>
    settings.prices.models[model] as NonNullable<(typeof settings.prices.models)[string]>;
  const costAt = (model: string): number =>
    Math.ceil(price(model).input_usd_per_mtok * 1_000 * 1_000 + price(model).output_usd_per_mtok * 100 * 1_000);

  test("of recompute is that of the recorded tokens at the recorded model's price", async () => {
    const seen = await see([recorded({ route, usage })], {
      mode: "recompute",
      settings,
      encodings,
    });
    assert.deepEqual([seen.calls, seen.without_record], [1, 0]);
    assert.equal(seen.expected_nusd, costAt(modelOf(TIER)));
    assert.ok(seen.most_nusd >= seen.expected_nusd);
  });

  test("of shadow is at the price of where it goes; what is not recorded counts as dear as it may be", async () => {
    const plan: PreviewPlan = { mode: "shadow", settings, encodings, tier: OTHER };
    const known = await see([recorded({ route, usage })], plan);
    assert.equal(known.expected_nusd, costAt(modelOf(OTHER)));
    const unknown = await see([recorded(undefined)], plan);
    assert.deepEqual([unknown.calls, unknown.expected_nusd], [1, unknown.most_nusd]);
    assert.ok(unknown.most_nusd > 0);
    const by_model = await see([recorded({ route, usage })], { ...plan, tier: undefined, model: modelOf(OTHER) });
    assert.equal(by_model.expected_nusd, known.expected_nusd);
  });

  test("of an answer out of the cache is that of the call that it once was", async () => {
    const hit = {
      ...{
        route: { ...route, cache: "coalesced" } as const,
        usage: { ...usage, prompt_tokens: 0, completion_tokens: 0 },
      },
      response: { usage: { prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens } },
    };
    const seen = await see([recorded(hit)], { mode: "shadow", settings, encodings, tier: OTHER });
    assert.equal(seen.expected_nusd, costAt(modelOf(OTHER)));
    const silent = await see([recorded({ ...hit, response: { usage: "none" } })], {
      mode: "shadow",
      settings,
      encodings,
      tier: OTHER,
    });
    assert.equal(silent.expected_nusd, silent.most_nusd);
  });

  test("of what was never routed, or came from the cache, is that of where it would go now", async () => {
    const cached = { ...route, cache: "exact" } as const;
    const seen = await see([recorded({ route: cached, usage }), recorded(undefined)], {
      ...{ mode: "recompute", settings, encodings },
    });
    assert.deepEqual([seen.calls, seen.without_record], [2, 0]);
    assert.ok(seen.most_nusd > seen.expected_nusd);
  });

  test("of a tier or model that is not there is asked about in vain, or refused", async () => {
    const gone = recorded({ route: { ...route, model: "gone" }, usage });
    const seen = await see([gone], { mode: "recompute", settings, encodings });
    assert.deepEqual([seen.calls, seen.without_record, seen.most_nusd], [0, 0, 0]);
    await assert.rejects(see([gone], { mode: "shadow", settings, encodings, tier: "gone" }), { code: "usage" });
  });

  test("of a record without a request that could be called is none", async () => {
    const broken = recorded({ route, usage }, { request: Buffer.from(`{"body":{}}`) });
    const { request: _, ...without } = recorded({ route, usage });
    const seen = await see([broken, without], { mode: "shadow", settings, encodings });
    assert.deepEqual([seen.calls, seen.without_record, seen.most_nusd], [0, 1, 0]);
  });
});
