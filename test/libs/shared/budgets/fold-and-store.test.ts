/** The counters and a fold of their ledger say the same, whatever happens in whichever order: lost lives and late words included. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Ask, Snapshot } from "../../../../libs/shared/budgets/admission-store.ts";
import { LedgerFold } from "../../../../libs/shared/budgets/ledger-fold.ts";
import { MemoryAdmissionStore } from "../../../../libs/shared/budgets/memory-store.ts";
import type { UsageEntry } from "../../../../libs/shared/events/usage.ts";

const NOON = Date.parse("2026-11-21T12:00:00Z");
const DAY = 86_400_000;
const KEEP = { seen_ttl_ms: DAY, session_ttl_ms: 7 * DAY };

class World {
  now_ms = NOON;
  readonly store: MemoryAdmissionStore;
  readonly ledger: UsageEntry[] = [];
  /** Reserved, and not told yet. */
  pending: UsageEntry[] = [];
  /** What goes with a request to its end. */
  readonly carried = new Map<string, UsageEntry>();
  readonly ended = new Set<string>();
  applied = 0;

  constructor() {
    const clock = { now_ms: () => this.now_ms, after: () => ({ cancel: () => undefined }) };
    this.store = new MemoryAdmissionStore({ ...KEEP, idempotency_ttl_ms: DAY, alert_at: [], clock });
  }

  async reserve(id: string): Promise<void> {
    const [answer] = await this.store.reserve([askOf(id, this.now_ms)]);
    if (answer?.kind === "redelivered") this.carried.set(id, entryOf(id, answer));
    if (answer?.kind !== "admitted") return;
    this.carried.set(id, entryOf(id, answer));
    this.pending.push(entryOf(id, answer));
  }

  tell(isTold: (entry: UsageEntry) => boolean = () => true): void {
    this.ledger.push(...this.pending.filter(isTold));
    this.pending = this.pending.filter((entry) => !isTold(entry));
  }

  /** Only what was told goes on. */
  end(id: string, kind: "settled" | "released", settled_nusd: number): void {
    const held = this.carried.get(id);
    if (held === undefined || this.ended.has(id)) return;
    if (!this.ledger.some(({ hold_id }) => hold_id === held.hold_id)) return;
    this.ended.add(id);
    this.ledger.push({ ...held, kind, settled_nusd: kind === "settled" ? settled_nusd : 0, at_ms: this.now_ms });
  }

  async apply(): Promise<void> {
    const entries = this.ledger.map((entry, offset) => ({
      partition: 0,
      offset: String(offset),
      entry,
      caps_nusd: {},
    }));
    await this.store.apply(entries.slice(this.applied));
    this.applied = entries.length;
  }

  async restore(): Promise<void> {
    const restoring = await this.store.begin();
    await restoring?.finish(this.snapshot());
  }

  snapshot(): Snapshot {
    const fold = new LedgerFold(KEEP);
    for (const [offset, entry] of this.ledger.entries()) fold.add(0, offset, entry);
    return fold.snapshot(this.now_ms);
  }
}

function askOf(id: string, now_ms: number): Ask {
  const money = { reserved_nusd: 10, caps_nusd: {}, rates: [] };
  const needs = { ...money, tokens: 1, user: "u", session: `s${id}`, expires_ms: now_ms + DAY };
  const identity = { tenant: "acme", id, has_own_id: true, content_hash: `hash ${id}`.replace(" ", "-") };
  return { ...identity, place: `requests 0 ${id.slice(1)}`, reentry: false, needs };
}

function entryOf(id: string, answer: { reservation: { tokens: number }; epoch: string } & object): UsageEntry {
  const { reservation, epoch } = answer as Extract<
    Awaited<ReturnType<MemoryAdmissionStore["reserve"]>>[0],
    { kind: "admitted" }
  >;
  const { hold_id, reserved_nusd, counters, at_ms, tokens } = reservation;
  return {
    ...{ kind: "reserved", cause: "admitted", tenant: "acme", id, hold_id, at_ms, reserved_nusd, settled_nusd: 0 },
    ...{
      counters,
      epoch,
      content_hash: `hash-${id}`,
      place: `requests 0 ${id.slice(1)}`,
      tokens: { reserved: tokens },
    },
    ...{ user: "u", expires_ms: at_ms + DAY },
  };
}

const id = fc.constantFrom("r1", "r2", "r3", "r4");
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("reserve" as const), id }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("tell" as const), only_newest: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      id,
      kind: fc.constantFrom("settled" as const, "released" as const),
      settled_nusd: fc.nat(20),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("apply" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const), late: id }) },
);

test("the counters are the fold of the ledger", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = new World();
      await world.restore();
      let is_late_left = true;
      for (const one of steps) {
        world.now_ms += 1;
        if (one.do === "reserve") await world.reserve(one.id);
        else if (one.do === "tell") world.tell(one.only_newest ? (entry) => entry === world.pending.at(-1) : undefined);
        else if (one.do === "end") world.end(one.id, one.kind, one.settled_nusd);
        else if (one.do === "apply") await world.apply();
        else {
          // The lease has what was reserved told before; once, one is slower than that.
          const late = one.late;
          world.tell(is_late_left ? (entry) => entry.id !== late : undefined);
          is_late_left = false;
          await world.restore();
        }
      }
      world.tell();
      await world.apply();
      const { counters, holds } = world.snapshot();
      const refs = counters.map(({ counter }) => counter);
      const expected = counters.map(({ tenant: _, ...sums }) => sums);
      assert.deepEqual(await world.store.read("acme", refs), expected);
      world.now_ms += 2 * DAY;
      const open = await world.store.expired(100);
      const names = (list: readonly { reservation: { hold_id: string } }[]) =>
        list.map(({ reservation }) => reservation.hold_id).toSorted();
      assert.deepEqual(names(open), names(holds));
    }),
    { numRuns: 500, seed: 5 },
  );
});
