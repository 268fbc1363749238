/** What holds for any traffic: a what-if is a function of what is recorded and of the settings, and refuses as the counters do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MemoryAdmissionStore } from "../../../../libs/shared/budgets/memory-store.ts";
import { storeOptions } from "../../../../libs/shared/budgets/store-options.ts";
import { TenantBook } from "../../../../libs/shared/budgets/tenant-book.ts";
import { loadEncodings } from "../../../../libs/shared/estimate/encodings.ts";
import { NO_HOLD } from "../../../../libs/shared/events/usage.ts";
import { nusd } from "../../../../libs/shared/money.ts";
import { askOf } from "../../../../services/ingest/reading.ts";
import { Rules } from "../../../../services/replay/what-if/rules.ts";
import { Timeline } from "../../../../services/replay/what-if/timeline.ts";
import { costOf, type RecordedInput, recordedOf, settingsOf, stretchesOf, whatIf } from "./fixture.ts";

const RUNS = { numRuns: 40, seed: 7 };

type Drawn = {
  readonly gap_ms: number;
  readonly text: number;
  readonly partition: number;
  readonly tokens: readonly [number, number];
  readonly took_ms: number;
  readonly defers: boolean;
  readonly tenant: string;
};

const traffic = fc.array(
  fc.record({
    gap_ms: fc.integer({ min: 0, max: 4_000 }),
    text: fc.integer({ min: 0, max: 6 }),
    partition: fc.integer({ min: 0, max: 2 }),
    tokens: fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 100 })),
    took_ms: fc.integer({ min: 1, max: 6_000 }),
    defers: fc.boolean(),
    tenant: fc.constantFrom("demo", "other"),
  }),
  { minLength: 1, maxLength: 40 },
);

function inputsOf(drawn: readonly Drawn[]): RecordedInput[] {
  let at_ms = 0;
  return drawn.map(({ gap_ms, text, partition, tokens, took_ms, defers, tenant }, at) => {
    at_ms += gap_ms;
    return {
      ...{ id: `r${at}`, at_ms, text: `text ${text}`, partition, tokens, took_ms, tenant },
      ...(defers ? { request: { on_limit: "defer" } } : {}),
    };
  });
}

const PLAN = "{ limits: { tenant: { requests_per_minute: 6 }, in_flight_max: 4 }, budgets: { tenant_day_usd: 0.003 } }";

describe("a what-if", () => {
  test("is the same whatever the chunks are that it reads", async () => {
    const settings = settingsOf({ plan: PLAN });
    await fc.assert(
      fc.asyncProperty(traffic, fc.integer({ min: 1, max: 9 }), async (drawn, chunk) => {
        const inputs = inputsOf(drawn);
        const one = await whatIf(inputs, { settings, chunk: 100 });
        const other = await whatIf(inputs, { settings, chunk });
        assert.deepEqual(other.report, one.report);
        assert.deepEqual([...other.results].sort(), [...one.results].sort());
      }),
      RUNS,
    );
  });

  test("of the settings that made a recording is that recording", async () => {
    const settings = settingsOf({ plan: PLAN });
    await fc.assert(
      fc.asyncProperty(traffic, async (drawn) => {
        // Made by the simulation itself, each request as if it were called and answered then.
        const inputs = inputsOf(drawn).map(({ request: _defers, ...input }) => input);
        const made = await whatIf(inputs, { settings });
        const items = stretchesOf(inputs);
        for (const of_partition of items.values()) {
          for (const item of of_partition) {
            const { recorded } = item;
            const result = made.results.get(recorded?.id ?? "");
            if (recorded?.outcome === undefined || result === undefined) continue;
            const response = made.answers.get(recorded.id);
            const { replay: _replay, ...head } = result;
            const outcome = {
              ...{ from: "topic" as const, headers: {}, head: { ...head, content_hash: "0" } },
              ...(response === undefined ? {} : { response: Buffer.from(response) }),
            };
            of_partition.splice(of_partition.indexOf(item), 1, { ...item, recorded: { ...recorded, outcome } });
          }
        }
        const again = await whatIf([], { settings, items });
        for (const [id, { status, error, usage, route }] of made.results) {
          const result = again.results.get(id);
          assert.deepEqual([result?.status, result?.error?.code], [status, error?.code]);
          assert.deepEqual([result?.route?.tier, result?.route?.cache], [route?.tier, route?.cache]);
          assert.equal(result?.usage?.cost_usd, usage?.cost_usd);
        }
        assert.equal(again.report.after.cost_nusd, again.report.before.cost_nusd);
      }),
      RUNS,
    );
  });

  test("with a cheaper tier costs tokens times price", async () => {
    const settings = settingsOf({ cache: "{ exact: { enabled: false }, semantic: { enabled: false } }" });
    await fc.assert(
      fc.asyncProperty(traffic, async (drawn) => {
        const inputs = inputsOf(drawn).map((input) => ({ ...input, tier: "large" }));
        const { report } = await whatIf(inputs, { settings });
        const sum = (model: string): number =>
          inputs.reduce((total, { tokens = [0, 0] as const }) => total + costOf(model, tokens), 0);
        assert.equal(report.after.cost_nusd, sum("small-1"));
        assert.equal(report.before.cost_nusd, sum("large-1"));
      }),
      RUNS,
    );
  });

  test("refuses exactly what the counters refuse, and never spends more than a cap", async () => {
    let refusals = 0;
    const settings = settingsOf({ plan: PLAN, cache: "{ exact: { enabled: false }, semantic: { enabled: false } }" });
    const encodings = await loadEncodings(settings.prices.models);
    await fc.assert(
      fc.asyncProperty(traffic, async (drawn) => {
        const inputs = inputsOf(drawn).map(({ request: _defers, ...input }) => ({ ...input, lag_ms: 0 }));
        const { results, report } = await whatIf(inputs, { settings });
        const rules = new Rules({
          ...{ settings, encodings, book: new TenantBook(), policies: new Map(), embedding_model: undefined },
        });
        const expected = await refusedBy(rules, inputs);
        const refused = [...results].filter(([, { status }]) => status === "rejected").map(([id]) => id);
        assert.deepEqual(refused.sort(), expected.sort());
        refusals += refused.length;
        for (const { after_nusd } of report.tenants) assert.ok(after_nusd <= nusd(0.003));
      }),
      RUNS,
    );
    assert.ok(refusals > 0);
  });
});

/** By hand: each is asked at its arrival, each that is admitted is settled when its call ends. */
async function refusedBy(rules: Rules, inputs: readonly RecordedInput[]): Promise<string[]> {
  const clock = new Timeline();
  const store = new MemoryAdmissionStore({ ...storeOptions(rules.settings), clock });
  await (await store.begin())?.finish({ counters: [], holds: [], seen: [], rates: [], applied: new Map() });
  const refused: string[] = [];
  const offsets = new Map<number, number>();
  let entries = 0;
  const in_order = inputs
    .map((input) => {
      const offset = offsets.get(input.partition ?? 0) ?? 0;
      offsets.set(input.partition ?? 0, offset + 1);
      return { input, recorded: recordedOf({ ...input, offset }) };
    })
    .sort(
      (one, other) =>
        one.recorded.received_ms - other.recorded.received_ms ||
        (one.input.partition ?? 0) - (other.input.partition ?? 0),
    );
  for (const { input, recorded } of in_order) {
    await clock.passTo(recorded.received_ms);
    const judged = rules.enter(recorded, recorded.received_ms)?.judged;
    assert.ok(judged !== undefined);
    const [answer] = await store.reserve([askOf(judged, false)]);
    if (answer?.kind !== "admitted") {
      refused.push(input.id);
      continue;
    }
    const { hold_id, reserved_nusd, counters } = answer.reservation;
    const { tenant = "demo", tokens = [0, 0], took_ms = 0, id } = input;
    clock.after(took_ms, async () => {
      entries += 1;
      const used = tokens[0] + tokens[1];
      const entry = {
        ...{
          kind: "settled" as const,
          tenant,
          id,
          hold_id: hold_id ?? NO_HOLD,
          at_ms: clock.now_ms(),
          reserved_nusd,
          counters,
        },
        ...{ settled_nusd: costOf("small-1", tokens), cause: "result" as const, tokens: { reserved: 0, used } },
      };
      await store.apply([{ partition: 0, offset: String(entries), entry, caps_nusd: {} }]);
    });
  }
  return refused;
}
