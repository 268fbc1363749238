/** The sweep and the applier on the counters in memory: what expires is closed by the ledger, once, and to the nano-dollar. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryAdmissionStore } from "../../../libs/shared/budgets/memory-store.ts";
import { countersOf } from "../../../libs/shared/budgets/scopes.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { createApplier } from "../../../services/ingest/applier.ts";
import { CountersKeeper } from "../../../services/ingest/counters.ts";
import { type CallsSent, sweepOnce } from "../../../services/ingest/sweep.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, inRecord, jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const HOUR_MS = 3_600_000;
const CONTEXT = { isAssigned: () => true, stopping: new AbortController().signal };

async function setUp() {
  const clock = new VirtualClock();
  const ttls = { seen_ttl_ms: 24 * HOUR_MS, idempotency_ttl_ms: HOUR_MS, session_ttl_ms: HOUR_MS };
  const store = new MemoryAdmissionStore({ ...ttls, clock, alert_at: [0.5] });
  const keeper = new CountersKeeper({
    life: store,
    rebuild: async () => {
      const restoring = await store.begin();
      await restoring?.finish({ counters: [], holds: [], seen: [], rates: [], applied: new Map() });
    },
    mode: "auto",
    clock,
    random: () => 1,
    log: silentLog,
  });
  keeper.start();
  await clock.run(() => false, START_MS);
  const publisher = new MemoryPublisher();
  const crossed: string[] = [];
  const applier = createApplier({
    codec: jsonCodec,
    publisher,
    dead_letters: DEAD_LETTERS,
    store,
    planOf: () => ({ caps_nusd: { tenant_day: 200 } }),
    onCrossings: (crossings) => crossed.push(...crossings.map(({ scope, threshold }) => `${scope} ${threshold}`)),
    onTripped: () => undefined,
    onLost: () => keeper.lost(),
    count: () => undefined,
  });
  const sweep = (sent: CallsSent) =>
    sweepOnce({
      store,
      watch: async () => undefined,
      callsSent: async (holds) => holds.map(() => sent),
      claim: async (holds) => holds.map(() => true),
      isLeader: async () => true,
      codec: jsonCodec,
      publisher,
      topic: NAMES.usage,
      clock,
      log: silentLog,
      count: () => undefined,
    });
  const reserve = async (id: string) => {
    const needs = {
      reserved_nusd: 70,
      tokens: 9,
      caps_nusd: { tenant_day: 200 },
      rates: [],
      expires_ms: START_MS + 1_000,
    };
    const place = `${NAMES.requests} 0 ${id}`;
    const ask = { tenant: "demo", id, has_own_id: true, content_hash: "h", place, reentry: false, needs };
    const [answer] = await store.reserve([ask]);
    return answer?.kind;
  };
  /** Everything that stands on the ledger, from its beginning. */
  const apply = () => {
    const records = publisher.records.map(({ value }, offset) => inRecord(value, { topic: NAMES.usage, offset }));
    return applier(records, CONTEXT);
  };
  const day = countersOf({}, START_MS).find(({ scope }) => scope === "tenant_day");
  const sums = async () => {
    const [read] = await store.read("demo", day === undefined ? [] : [day]);
    return [read?.reserved_nusd, read?.settled_nusd];
  };
  const later = (ms: number) => {
    clock.after(ms, () => undefined);
    return clock.run(() => false, clock.now_ms() + ms);
  };
  return { store, keeper, sweep, reserve, apply, sums, later, crossed };
}

describe("a hold past its time", () => {
  for (const [sent, settled_nusd] of [
    ["none", 0],
    ["unknown", 70],
  ] as const) {
    test(`with calls ${sent} settles ${settled_nusd} and holds nothing any more`, async () => {
      const { store, sweep, reserve, apply, sums, later } = await setUp();
      assert.equal(await reserve("1"), "admitted");
      assert.equal(await sweep(sent), 0, "its time is not over");
      await later(1_000);
      assert.equal(await sweep(sent), 1);
      assert.deepEqual(await sums(), [70, 0], "until the ledger's entry is applied");
      await apply();
      await apply();
      assert.deepEqual(await sums(), [0, settled_nusd]);
      assert.deepEqual(await store.expired(10), []);
    });
  }

  test("that settles crosses thresholds as any other does, each once", async () => {
    const { sweep, reserve, apply, later, crossed, sums } = await setUp();
    await reserve("1");
    await reserve("2");
    await later(1_000);
    await sweep("sent");
    await apply();
    assert.deepEqual(await sums(), [0, 140]);
    assert.deepEqual(crossed, [], "reserving told it before");
  });
});

test("lost counters: the applier waits, tells the keeper, and goes on once they are back", async () => {
  const { store, keeper, sweep, reserve, apply, later } = await setUp();
  await reserve("1");
  await later(1_000);
  await sweep("sent");
  const restoring = await store.begin();
  await assert.rejects(apply(), { code: "counters_lost", retryable: true });
  await later(100);
  assert.equal(keeper.is_lost, true);
  await restoring?.abandon();
  await later(20_000);
  assert.equal(keeper.is_lost, false);
  await apply();
});
