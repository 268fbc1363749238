/** Holds past their time: which entry closes each, once, a minute at a time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ExpiredHold } from "../../../libs/shared/budgets/admission-store.ts";
import { unavailable } from "../../../libs/shared/errors.ts";
import { type UsageEntry, usageEntrySchema } from "../../../libs/shared/events/usage.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import {
  type CallsSent,
  expiryEntry,
  SWEEP_HOLDS_MAX,
  SWEEP_INTERVAL_MS,
  Sweeper,
  sweepOnce,
} from "../../../services/ingest/sweep.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const COUNTERS = [{ scope: "tenant_day", subject: "", window: "2026-01-01" } as const];
const hold = (id: string, reserved_nusd = 70): ExpiredHold => ({
  tenant: "demo",
  id,
  reservation: { hold_id: `h-${id}`, reserved_nusd, tokens: 9, counters: COUNTERS, at_ms: 5 },
});

describe("an expired hold", () => {
  test("is released where no call was sent", () => {
    assert.deepEqual(expiryEntry(hold("a"), "none", 8), {
      kind: "released",
      tenant: "demo",
      id: "a",
      hold_id: "h-a",
      at_ms: 8,
      reserved_nusd: 70,
      settled_nusd: 0,
      counters: COUNTERS,
      cause: "expired",
      tokens: { reserved: 9, used: 0 },
    });
  });

  test("is settled whole where one was, or nobody knows", () => {
    for (const sent of ["sent", "unknown"] as const) {
      const entry = expiryEntry(hold("a"), sent, 8);
      assert.deepEqual([entry?.kind, entry?.settled_nusd, entry?.tokens?.used], ["settled", 70, 9], sent);
    }
  });

  test("is left open while somebody works on it", () => {
    assert.equal(expiryEntry(hold("a"), "under_way", 8), undefined);
  });

  test("is closed by an entry that every reader takes, and never given back where a call may have been billed", () => {
    const sents = fc.constantFrom<CallsSent>("none", "sent", "unknown", "under_way");
    fc.assert(
      fc.property(sents, fc.nat(), (sent, reserved_nusd) => {
        const entry = expiryEntry(hold("a", reserved_nusd), sent, 8);
        if (entry === undefined) return assert.equal(sent, "under_way");
        assert.deepEqual(usageEntrySchema.parse(entry), entry);
        assert.equal(entry.settled_nusd, sent === "none" ? 0 : reserved_nusd);
      }),
    );
  });
});

function setUp(holds: ExpiredHold[], sent: (id: string) => CallsSent = () => "none") {
  const clock = new VirtualClock();
  const publisher = new MemoryPublisher();
  const claimed = new Set<string>();
  const calls = { expired: 0, watch: 0, leader: 0 };
  const asked: number[] = [];
  const counts: string[] = [];
  const leads = { now: true };
  const deps = {
    store: {
      expired: async (count_max: number) => {
        calls.expired += 1;
        assert.equal(count_max, SWEEP_HOLDS_MAX);
        return holds;
      },
    },
    watch: async () => {
      calls.watch += 1;
    },
    callsSent: async (some: readonly ExpiredHold[]) => {
      asked.push(some.length);
      return some.map(({ id }) => sent(id));
    },
    claim: async (some: readonly ExpiredHold[]) =>
      some.map(({ id }) => {
        const is_new = !claimed.has(id);
        claimed.add(id);
        return is_new;
      }),
    isLeader: async () => {
      calls.leader += 1;
      return leads.now;
    },
    codec: jsonCodec,
    publisher,
    topic: NAMES.usage,
    clock,
    log: silentLog,
    count: (kind: string) => counts.push(kind),
  };
  const entries = () => publisher.values(NAMES.usage) as UsageEntry[];
  return { clock, publisher, deps, calls, asked, counts, leads, entries };
}

describe("a round", () => {
  test("tells the ledger of each, by tenant", async () => {
    const sent: Readonly<Record<string, CallsSent>> = { a: "none", b: "sent", c: "under_way", d: "unknown" };
    const { deps, publisher, entries, counts } = setUp(
      ["a", "b", "c", "d"].map((id) => hold(id)),
      (id) => sent[id] ?? "none",
    );
    assert.equal(await sweepOnce(deps), 3);
    assert.deepEqual(
      entries().map(({ id, kind }) => [id, kind]),
      [
        ["a", "released"],
        ["b", "settled"],
        ["d", "settled"],
      ],
    );
    assert.ok(publisher.records.every(({ key }) => key === "demo"));
    assert.deepEqual(counts, ["released", "settled", "settled"]);
  });

  test("closes none again that an earlier one has closed, though the store still has it", async () => {
    const { deps, entries } = setUp([hold("a")], () => "sent");
    assert.deepEqual([await sweepOnce(deps), await sweepOnce(deps)], [1, 0]);
    assert.equal(entries().length, 1);
  });

  test("does not mark what it leaves open", async () => {
    let sent: CallsSent = "under_way";
    const { deps, entries } = setUp([hold("a")], () => sent);
    await sweepOnce(deps);
    sent = "sent";
    await sweepOnce(deps);
    assert.equal(entries().length, 1);
  });

  test("goes on in small parts", async () => {
    const { deps, asked, entries } = setUp(Array.from({ length: 250 }, (_, at) => hold(`r${at}`)));
    await sweepOnce(deps);
    assert.deepEqual(asked, [100, 100, 50]);
    assert.equal(entries().length, 250);
  });

  test("with none past its time asks nobody, and watches all the same", async () => {
    const { deps, asked, publisher, calls } = setUp([]);
    assert.equal(await sweepOnce(deps), 0);
    assert.deepEqual([asked, publisher.records, calls.watch], [[], [], 1]);
  });
});

describe("the sweeper", () => {
  test("looks now and each minute, where it is its turn, and over errors, until it is stopped", async () => {
    const { deps, clock, calls, leads, entries } = setUp([hold("a")]);
    let fails = true;
    const sweeper = new Sweeper({
      ...deps,
      store: {
        async expired(count_max) {
          if (!fails) return deps.store.expired(count_max);
          throw unavailable("redis", new Error("refused"));
        },
      },
    });
    sweeper.start();
    sweeper.start();
    clock.after(SWEEP_INTERVAL_MS / 2, () => {
      fails = false;
      leads.now = false;
    });
    clock.after(SWEEP_INTERVAL_MS * 1.5, () => {
      leads.now = true;
    });
    clock.after(SWEEP_INTERVAL_MS * 3.5, () => void sweeper.stop());
    await clock.run(() => false, START_MS + 10 * SWEEP_INTERVAL_MS);
    await sweeper.stop();
    assert.deepEqual([calls.leader, calls.expired], [4, 2]);
    assert.equal(entries().length, 1);
  });
});
