/** What scaling remembers, over a store that may be away. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { scalingSchema } from "../../../libs/shared/config/scaling.ts";
import type { ScaleDecision, ScaleReason, TargetLoad } from "../../../libs/shared/scaling/contract.ts";
import { BUCKET_MS, DAY_MS, WEEK_MS } from "../../../libs/shared/scaling/history.ts";
import { ScalingHistory } from "../../../services/scaler/history.ts";
import type { HistoryStore, TargetBucket } from "../../../services/scaler/history-store.ts";
import type { Round } from "../../../services/scaler/standing.ts";

const settings = scalingSchema.parse({});
const NOW_MS = 1_000 * WEEK_MS;

class MemoryHistory implements HistoryStore {
  readonly buckets = new Map<string, TargetBucket>();
  readonly decisions: ScaleDecision[] = [];
  away = false;
  forgotten_ms: number | undefined;

  async load(from_ms: number): Promise<TargetBucket[]> {
    this.#check();
    return [...this.buckets.values()].filter(({ start_ms }) => start_ms >= from_ms);
  }

  async save(buckets: readonly TargetBucket[], decisions: readonly ScaleDecision[]): Promise<void> {
    this.#check();
    for (const bucket of buckets) this.buckets.set(`${bucket.target} ${bucket.start_ms}`, bucket);
    this.decisions.push(...decisions);
  }

  async forget(before_ms: number): Promise<void> {
    this.#check();
    this.forgotten_ms = before_ms;
  }

  #check(): void {
    if (this.away) throw new Error("away");
  }
}

const target = { service: "router" };
function round(
  at_ms: number,
  arrivals_per_s: number,
  desired = 1,
  reason: ScaleReason = "steady",
  wanted = desired,
): Round {
  const decision = { target, at_ms, replicas: 1, desired, wanted, reason, why: "" };
  // Only what history reads of a load.
  const load = { target, at_ms, arrivals_per_s } as TargetLoad;
  return {
    loads: [load],
    decisions: [decision],
    standing: { at_ms, targets: [], groups: [], members: {}, states: {}, asked: {} },
  };
}

describe("what scaling remembers", () => {
  test("is arrivals by five minutes, also those before the store was read, and after it was away", async () => {
    const store = new MemoryHistory();
    const history = new ScalingHistory(store, settings);
    history.decided(round(NOW_MS + 60_000, 10), NOW_MS);
    store.away = true;
    await assert.rejects(history.keep(NOW_MS));
    history.decided(round(NOW_MS + 120_000, 20), NOW_MS + 60_000);
    store.away = false;
    await history.keep(NOW_MS);
    store.away = true;
    history.decided(round(NOW_MS + BUCKET_MS + 60_000, 1), NOW_MS + BUCKET_MS - 60_000);
    await assert.rejects(history.keep(NOW_MS));
    store.away = false;
    await history.keep(NOW_MS);
    assert.deepEqual(
      [...store.buckets.values()],
      [
        { target: "router", start_ms: NOW_MS, records: 600 + 1_200 + 60, observed_ms: 180_000 },
        { target: "router", start_ms: NOW_MS + BUCKET_MS, records: 60, observed_ms: 60_000 },
      ],
    );
  });

  test("goes on from what another leader wrote", async () => {
    const store = new MemoryHistory();
    const [first, second] = [new ScalingHistory(store, settings), new ScalingHistory(store, settings)];
    first.decided(round(NOW_MS + 60_000, 10), NOW_MS);
    await first.keep(NOW_MS);
    await second.keep(NOW_MS);
    second.decided(round(NOW_MS + 120_000, 10), NOW_MS + 60_000);
    await second.keep(NOW_MS);
    first.left();
    first.decided(round(NOW_MS + 180_000, 10), NOW_MS + 120_000);
    await first.keep(NOW_MS);
    assert.equal(store.buckets.get(`router ${NOW_MS}`)?.records, 1_800);
  });

  test("is decisions when they change, and what holds them back", async () => {
    const store = new MemoryHistory();
    const history = new ScalingHistory(store, settings);
    const steps: [number, ScaleReason, number][] = [
      [1, "steady", 1],
      [1, "steady", 1],
      [3, "age", 4],
      [3, "cool_down", 5],
      [3, "provider_limit", 5],
      [3, "provider_limit", 6],
      [3, "steady", 3],
      [2, "idle", 2],
    ];
    for (const [index, [desired, reason, wanted]] of steps.entries()) {
      history.decided(round(NOW_MS + index * 5_000, 0, desired, reason, wanted), NOW_MS + (index - 1) * 5_000);
    }
    await history.keep(NOW_MS);
    const told = store.decisions.map(({ desired, reason }) => `${desired} ${reason}`);
    assert.deepEqual(told, ["1 steady", "3 age", "3 provider_limit", "2 idle"]);
  });

  test("is what forecasts are made from, once it is read", async () => {
    const store = new MemoryHistory();
    for (let start_ms = NOW_MS - 2 * WEEK_MS; start_ms < NOW_MS; start_ms += BUCKET_MS) {
      store.buckets.set(`router ${start_ms}`, { target: "router", start_ms, records: 3_000, observed_ms: BUCKET_MS });
    }
    const history = new ScalingHistory(store, settings);
    assert.equal(history.forecast("router", NOW_MS), undefined);
    await history.keep(NOW_MS);
    assert.equal(Math.round(history.forecast("router", NOW_MS)?.expected_per_s ?? 0), 10);
    const off = scalingSchema.parse({ forecast: { enabled: false } });
    const silent = new ScalingHistory(store, off);
    await silent.keep(NOW_MS);
    assert.equal(silent.forecast("router", NOW_MS), undefined);
  });

  test("is forgotten after its days", async () => {
    const store = new MemoryHistory();
    await new ScalingHistory(store, settings).keep(NOW_MS);
    assert.equal(store.forgotten_ms, NOW_MS - settings.history_days * DAY_MS);
  });
});
