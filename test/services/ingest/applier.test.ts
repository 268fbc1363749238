/** The applier on ports in memory: entries reach the store once and in order, and what they cross is told. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  AdmissionStore,
  Applied,
  ApplyContext,
  ApplyResult,
  Crossing,
} from "../../../libs/shared/budgets/admission-store.ts";
import type { UsageEntry } from "../../../libs/shared/events/usage.ts";
import { createApplier } from "../../../services/ingest/applier.ts";
import { DEAD_LETTERS, inRecord, jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const CONTEXT = { isAssigned: () => true, stopping: new AbortController().signal };
const PLAN: ApplyContext = { caps_nusd: { tenant_day: 100 }, velocity: { window_s: 300, usd_nusd: 50 } };
const CROSSING: Crossing = {
  tenant: "demo",
  scope: "tenant_day",
  subject: "",
  window: "2026-01-01",
  threshold: 0.5,
  cap_nusd: 100,
  used_nusd: 60,
};

const entry = (id: string, tenant = "demo"): UsageEntry => ({
  kind: "settled",
  tenant,
  id,
  hold_id: `h-${id}`,
  at_ms: 1,
  reserved_nusd: 10,
  settled_nusd: 5,
  counters: [],
  cause: "result",
});

/** Answers as it is told to, and applies each offset of a partition once. */
class FakeStore implements Pick<AdmissionStore, "apply"> {
  readonly asked: (Applied & ApplyContext)[][] = [];
  readonly applied: string[] = [];
  lost_from = Number.POSITIVE_INFINITY;

  async apply(entries: readonly (Applied & ApplyContext)[]): Promise<ApplyResult[]> {
    this.asked.push([...entries]);
    return entries.map(({ partition, offset, entry: { id } }) => {
      if (Number(offset) >= this.lost_from) return { kind: "lost" };
      const place = `${partition}/${offset}`;
      if (this.applied.includes(place)) return { kind: "skipped" };
      this.applied.push(place);
      return { kind: "applied", crossings: id === "crosses" ? [CROSSING] : [], tripped: id === "trips" };
    });
  }
}

function setUp() {
  const store = new FakeStore();
  const publisher = new MemoryPublisher();
  const told: unknown[] = [];
  const counts: string[] = [];
  const handler = createApplier({
    codec: jsonCodec,
    publisher,
    dead_letters: DEAD_LETTERS,
    store: store as unknown as AdmissionStore,
    planOf: (tenant) => (tenant === "demo" ? PLAN : undefined),
    onCrossings: (crossings) => told.push(...crossings),
    onTripped: (tenant, velocity) => told.push({ tenant, velocity }),
    onLost: () => told.push("lost"),
    count: (result) => counts.push(result),
  });
  const apply = (...values: (object | string)[]) =>
    handler(
      values.map((value, offset) => inRecord(value, { topic: NAMES.usage, partition: 2, offset })),
      CONTEXT,
    );
  return { store, publisher, told, counts, apply };
}

describe("a batch of the ledger", () => {
  test("is one call to the store, with the caps of each tenant, in order", async () => {
    const { store, apply, counts } = setUp();
    await apply(entry("a"), entry("b", "stranger"));
    assert.deepEqual(store.asked, [
      [
        { partition: 2, offset: "0", entry: entry("a"), ...PLAN },
        { partition: 2, offset: "1", entry: entry("b", "stranger"), caps_nusd: {} },
      ],
    ]);
    assert.deepEqual(counts, ["applied", "applied"]);
  });

  test("tells what is crossed and who is stopped, and not again when it is repeated", async () => {
    const { apply, told, counts } = setUp();
    await apply(entry("crosses"), entry("trips"));
    await apply(entry("crosses"), entry("trips"));
    assert.deepEqual(told, [CROSSING, { tenant: "demo", velocity: PLAN.velocity }]);
    assert.deepEqual(counts, ["applied", "applied", "skipped", "skipped"]);
  });

  test("waits while the counters are lost, and has told what was applied before", async () => {
    const { apply, store, told, publisher } = setUp();
    store.lost_from = 1;
    await assert.rejects(apply(entry("crosses"), entry("b"), "garbage"), { code: "counters_lost", retryable: true });
    assert.deepEqual(told, [CROSSING, "lost"]);
    assert.deepEqual(publisher.records, [], "the dead letter comes once the batch is through");
    store.lost_from = Number.POSITIVE_INFINITY;
    await apply(entry("crosses"), entry("b"), "garbage");
    assert.deepEqual(store.applied, ["2/0", "2/1"]);
    assert.equal(publisher.records.length, 1);
  });

  test("what nobody can read is a dead letter; the rest is applied", async () => {
    const { apply, store, publisher, counts } = setUp();
    await apply("garbage", { ...entry("a"), settled_nusd: 0.5 }, entry("b"));
    assert.deepEqual(store.applied, ["2/2"]);
    const codes = publisher.records.map(({ topic, headers }) => [topic, headers?.["sluice-error-code"]]);
    assert.deepEqual(codes, [
      [NAMES.dlq, "not_json"],
      [NAMES.dlq, "event_invalid"],
    ]);
    assert.deepEqual(counts, ["applied", "dead_letter", "dead_letter"]);
  });

  test("with nothing to read asks nobody", async () => {
    const { apply, store } = setUp();
    await apply("garbage");
    assert.deepEqual(store.asked, []);
  });
});
