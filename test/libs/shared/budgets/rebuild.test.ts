import assert from "node:assert/strict";
import { test } from "node:test";
import type { CountersLife, Snapshot } from "../../../../libs/shared/budgets/admission-store.ts";
import { type RebuildOptions, type RebuildProgress, rebuildCounters } from "../../../../libs/shared/budgets/rebuild.ts";
import { countersOf } from "../../../../libs/shared/budgets/scopes.ts";
import type { UsageEntry } from "../../../../libs/shared/events/usage.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const DAY = 86_400_000;
const LEASE_MS = 10_000;

class Life implements CountersLife {
  readonly log: string[] = [];
  present: string | undefined;
  taken = false;
  ended_ms_ago: number | undefined;
  snapshot: Snapshot | undefined;

  async epoch() {
    return this.present;
  }
  async begin({ if_lost = false } = {}) {
    const ended_life = this.present !== undefined;
    if (this.taken || (if_lost && ended_life)) return undefined;
    this.log.push("begin");
    this.present = undefined;
    return {
      ended_life,
      ended_ms_ago: this.ended_ms_ago,
      finish: async (snapshot: Snapshot) => {
        this.log.push("finish");
        this.snapshot = snapshot;
        return "e2";
      },
      abandon: async () => void this.log.push("abandon"),
    };
  }
}

function setUp(given: Partial<RebuildOptions> = {}) {
  const clock = new VirtualClock();
  const life = new Life();
  const progress: RebuildProgress[] = [];
  const hold: UsageEntry = {
    kind: "reserved",
    tenant: "acme",
    id: "one",
    hold_id: "h",
    at_ms: clock.now_ms(),
    reserved_nusd: 7,
    settled_nusd: 0,
    counters: countersOf({}, clock.now_ms()),
    cause: "admitted",
  };
  const options: RebuildOptions = {
    life,
    async readLedger(add) {
      life.log.push(`read at ${clock.now_ms() - START_MS}`);
      add(0, 3, hold);
      add(0, 4, hold);
      return { applied: new Map([[0, 5]]) };
    },
    lease_ms: LEASE_MS,
    keep: { seen_ttl_ms: DAY, session_ttl_ms: DAY },
    clock,
    progress: (one) => progress.push(one),
    ...given,
  };
  return { clock, life, progress, options };
}

async function run(clock: VirtualClock, options: RebuildOptions) {
  let ended = false;
  const rebuilt = rebuildCounters(options).finally(() => {
    ended = true;
  });
  rebuilt.catch(() => undefined);
  await clock.run(() => ended, START_MS + LEASE_MS);
  return rebuilt;
}

test("the old life ends, the lease passes, then the ledger is read, and its fold begins the new life", async () => {
  const { clock, life, progress, options } = setUp();
  assert.deepEqual(await run(clock, options), { kind: "rebuilt", epoch: "e2", entries: 2, holds: 1, counters: 2 });
  assert.deepEqual(life.log, ["begin", `read at ${LEASE_MS}`, "finish"]);
  assert.deepEqual(
    progress.map(({ phase }) => phase),
    ["waiting", "writing"],
  );
  assert.deepEqual([...(life.snapshot?.applied ?? [])], [[0, "5"]]);
  assert.equal(life.snapshot?.holds[0]?.reservation.reserved_nusd, 7);
});

test("nothing is waited for where nothing was ever told, unless counters lived", async () => {
  const empty = { isEmpty: async () => true };
  const fresh = setUp(empty);
  await run(fresh.clock, fresh.options);
  assert.deepEqual(fresh.life.log, ["begin", "read at 0", "finish"]);
  const alive = setUp(empty);
  alive.life.present = "e1";
  await run(alive.clock, alive.options);
  assert.deepEqual(alive.life.log, ["begin", `read at ${LEASE_MS}`, "finish"]);
});

test("counters that another has just restored are left alone, where only lost ones are to be restored", async () => {
  const { clock, life, options } = setUp({ if_lost: true });
  life.present = "e1";
  assert.deepEqual(await run(clock, options), { kind: "busy" });
  assert.deepEqual([life.log, life.present], [[], "e1"]);
});

test("what passed of the lease since the store was restarted is not waited for again", async () => {
  for (const [ended_ms_ago, read_at] of [
    [4_000, LEASE_MS - 4_000],
    [LEASE_MS, 0],
    [60_000, 0],
  ] as const) {
    const { clock, life, options } = setUp();
    life.ended_ms_ago = ended_ms_ago;
    await run(clock, options);
    assert.deepEqual(life.log, ["begin", `read at ${read_at}`, "finish"]);
  }
});

test("one restores at a time", async () => {
  const { clock, life, options } = setUp();
  life.taken = true;
  assert.deepEqual(await run(clock, options), { kind: "busy" });
});

test("what fails is given up, and says why", async () => {
  const { clock, life, options } = setUp({
    async readLedger() {
      throw new Error("kafka went away");
    },
  });
  await assert.rejects(run(clock, options), /kafka went away/);
  assert.deepEqual(life.log, ["begin", "abandon"]);
});

test("a wish to stop ends it", async () => {
  const stop = new AbortController();
  stop.abort();
  const { clock, life, options } = setUp({ signal: stop.signal });
  await assert.rejects(run(clock, options), { code: "stopping" });
  assert.deepEqual(life.log, ["begin", "read at 0", "abandon"]);
});
