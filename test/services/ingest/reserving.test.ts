/** What is reserved stands on the ledger before anything that may spend it goes out; and what happens while nobody can be asked. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Ask } from "../../../libs/shared/budgets/admission-store.ts";
import { countersOf } from "../../../libs/shared/budgets/scopes.ts";
import { SluiceError, unavailable } from "../../../libs/shared/errors.ts";
import type { Publisher } from "../../../libs/shared/kafka/ports.ts";
import { START_MS } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, type MemoryPublisher, NAMES } from "../../support/memory-ports.ts";
import { BODY as body, pass, type SetUp, setUp } from "./ingest-fixture.ts";

const LEASE_MS = 10_000;
const record = inRecord(
  { tenant: "demo", id: "r1", user: "ann", session: "s1", body },
  { headers: { "sluice-key-id": "k1" } },
);
const refusedRecord = inRecord({ tenant: "demo", id: "r2", body: {} }, { offset: 1 });
const budgets = { tenant_day_usd: 100 };

/** Publishing to the ledger takes so long, each time; then, and at first for everything else, no time. */
function slowLedger(...waits_ms: number[]): NonNullable<SetUp["publisherOver"]> {
  return (log, clock) => ({
    async publish(records) {
      if (records.some(({ topic }) => topic === NAMES.usage)) await pass(clock, waits_ms.shift() ?? 0);
      await log.publish(records);
    },
  });
}

/** Counts the asks. */
function watched(asked: (readonly Ask[])[]): NonNullable<SetUp["storeOver"]> {
  return (store) => ({
    reserve(asks) {
      asked.push(asks);
      return store.reserve(asks);
    },
  });
}

async function dayOf({ store }: Awaited<ReturnType<typeof setUp>>): Promise<number | undefined> {
  const day = countersOf({}, START_MS).filter(({ scope }) => scope === "tenant_day");
  const [sums] = await store.read("demo", day);
  return sums?.reserved_nusd;
}

describe("the ledger", () => {
  test("tells of each reservation what a rebuild needs", async () => {
    const ingest = await setUp({ plan: { budgets } });
    await ingest.handle([record]);
    const [entry] = ingest.ledger();
    const { content_hash, ...rest } = entry ?? assert.fail("nothing on the ledger");
    const { reservation } = ingest.admitted()[0] ?? assert.fail("nothing admitted");
    assert.ok(reservation.reserved_nusd > 0);
    assert.match(content_hash ?? "", /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      kind: "reserved",
      tenant: "demo",
      id: "r1",
      hold_id: reservation.hold_id,
      at_ms: START_MS,
      reserved_nusd: reservation.reserved_nusd,
      settled_nusd: 0,
      counters: countersOf({ user: "ann", session: "s1" }, START_MS),
      cause: "admitted",
      epoch: await ingest.store.epoch(),
      place: `${NAMES.requests} 0 0`,
      expires_ms: START_MS + 26 * 3_600_000,
      tokens: { reserved: reservation.tokens },
      user: "ann",
      key_id: "k1",
    });
    assert.equal(ingest.log.records[0]?.key, "demo", "a tenant's entries are in order");
    assert.equal(await dayOf(ingest), reservation.reserved_nusd);
  });

  test("has acknowledged it before the request goes out", async () => {
    const events: string[] = [];
    const publisherOver = (log: MemoryPublisher): Publisher => ({
      async publish(records) {
        const topics = new Set(records.map(({ topic }) => topic));
        events.push(...[...topics].map((topic) => `sent ${topic}`));
        await new Promise(setImmediate);
        await log.publish(records);
        events.push(...[...topics].map((topic) => `acknowledged ${topic}`));
      },
    });
    const { handle } = await setUp({ publisherOver });
    await handle([record]);
    assert.deepEqual(events, [
      `sent ${NAMES.usage}`,
      `acknowledged ${NAMES.usage}`,
      `sent ${NAMES.admitted}`,
      `acknowledged ${NAMES.admitted}`,
    ]);
  });

  test("that fails lets nothing out, be it a refusal; tried again, it is the same hold", async () => {
    let failures = 1;
    const publisherOver = (log: MemoryPublisher): Publisher => ({
      async publish(records) {
        failures -= 1;
        if (failures >= 0) throw unavailable("kafka", new Error("gone"));
        await log.publish(records);
      },
    });
    const ingest = await setUp({ plan: { budgets }, publisherOver });
    await assert.rejects(ingest.handle([record, refusedRecord]), { code: "dependency_unavailable", retryable: true });
    assert.deepEqual([ingest.log.records, ingest.told.fates], [[], []]);
    const held = await dayOf(ingest);
    await ingest.handle([record, refusedRecord]);
    assert.deepEqual(ingest.told.fates, ["admitted", "rejected"]);
    assert.equal(ingest.ledger().length, 1);
    assert.equal(ingest.admitted()[0]?.reservation.reserved_nusd, held);
    assert.equal(await dayOf(ingest), held, "held once");
  });

  test("slower than the lease: it is asked again before the request goes out, and holds the same", async () => {
    const asked: (readonly Ask[])[] = [];
    const ingest = await setUp({ plan: { budgets }, storeOver: watched(asked), publisherOver: slowLedger(LEASE_MS) });
    await ingest.handle([record, refusedRecord]);
    assert.equal(asked.length, 2);
    const [one, other, ...more] = ingest.ledger();
    assert.deepEqual([one, more], [other, []]);
    assert.deepEqual(
      ingest.out().map(({ topic }) => topic),
      [NAMES.admitted, NAMES.outcomes],
    );
    assert.equal(await dayOf(ingest), one?.reserved_nusd);
  });

  test("just within the lease: it is asked once", async () => {
    const asked: (readonly Ask[])[] = [];
    const { handle, admitted } = await setUp({ storeOver: watched(asked), publisherOver: slowLedger(LEASE_MS - 1) });
    await handle([record]);
    assert.deepEqual([asked.length, admitted().length], [1, 1]);
  });

  test("slower than the lease while the counters are rebuilt: what was held in the old life is held in the new one", async () => {
    const asked: (readonly Ask[])[] = [];
    const publisherOver: SetUp["publisherOver"] = (log, clock) => {
      const slow = slowLedger(LEASE_MS)(log, clock);
      return {
        async publish(records) {
          await slow.publish(records);
          if (asked.length > 1) return;
          // The rebuild waited for the lease, read the ledger to its end before the entry was there, and knows nothing.
          const restoring = await ingest.store.begin();
          await restoring?.finish({ counters: [], holds: [], seen: [], rates: [], applied: new Map() });
        },
      };
    };
    const ingest = await setUp({ plan: { budgets }, storeOver: watched(asked), publisherOver });
    await ingest.handle([record]);
    const [before, after] = ingest.ledger();
    assert.notEqual(before?.epoch, after?.epoch);
    assert.equal(after?.hold_id, ingest.admitted()[0]?.reservation.hold_id);
    assert.equal(await dayOf(ingest), after?.reserved_nusd);
  });

  test("slower than the lease again and again: the batch waits as a whole", async () => {
    const asked: (readonly Ask[])[] = [];
    const waits_ms = Array.from({ length: 5 }, () => LEASE_MS);
    const { handle, out, told } = await setUp({ storeOver: watched(asked), publisherOver: slowLedger(...waits_ms) });
    await assert.rejects(handle([record]), { code: "ledger_slow", retryable: true });
    assert.deepEqual([asked.length, out(), told.fates], [5, [], []]);
    await handle([record]);
    assert.deepEqual(told.fates, ["admitted"]);
  });

  test("is not asked where nothing is reserved, nor the counters where nothing can be read", async () => {
    const asked: (readonly Ask[])[] = [];
    const { handle, ledger } = await setUp({ storeOver: watched(asked) });
    await handle([refusedRecord]);
    assert.deepEqual([asked.length, ledger()], [1, []]);
    await handle([inRecord("{")]);
    assert.equal(asked.length, 1);
  });
});

test("thresholds that a reservation crosses are told, once", async () => {
  const { handle, told } = await setUp({ plan: { budgets: { tenant_day_usd: 1 } }, alert_at: [1e-9] });
  await handle([record, inRecord({ tenant: "demo", id: "r9", body }, { offset: 2 })]);
  assert.deepEqual(told.crossings, ["tenant_day 1e-9"]);
});

const UNBUDGETED = { hold_id: "unbudgeted", reserved_nusd: 0, tokens: 0, at_ms: START_MS };

describe("while the counters are lost", () => {
  test("paid work waits, whatever else the batch holds", async () => {
    const { store, handle, log, told } = await setUp();
    store.lose();
    await assert.rejects(handle([record, refusedRecord]), { code: "counters_lost", retryable: true });
    assert.deepEqual([log.records, told.fates, told.lost, told.unbudgeted], [[], [], 1, 0]);
  });

  test("or, by the settings, goes on unbudgeted and is counted; refusals are told all the same", async () => {
    const { store, handle, admitted, outcomes, ledger, told } = await setUp({ admission: { without_redis: "admit" } });
    store.lose();
    await handle([record, refusedRecord]);
    const counters = countersOf({ user: "ann", session: "s1" }, START_MS);
    assert.deepEqual(admitted()[0]?.reservation, { ...UNBUDGETED, counters }, "its cost settles there all the same");
    assert.deepEqual(
      outcomes().map(({ id, status, reservation }) => [id, status, reservation]),
      [["r2", "rejected", undefined]],
    );
    assert.deepEqual(ledger(), []);
    assert.deepEqual([told.lost, told.unbudgeted, told.fates], [1, 1, ["admitted", "rejected"]]);
  });
});

describe("while Redis is away and the settings say to go on", () => {
  const admission = { without_redis: "admit" } as const;
  const failing = (error: Error): SetUp => ({
    plan: { budgets: { tenant_day_usd: 0 }, max_output_tokens: 50 },
    admission,
    storeOver: () => ({ reserve: () => Promise.reject(error) }),
  });

  test("paid work goes on unbudgeted, within the terms that need no counters", async () => {
    const { handle, admitted, ledger, told } = await setUp(failing(unavailable("redis", new Error("gone"))));
    await handle([record]);
    assert.equal(admitted()[0]?.reservation.hold_id, "unbudgeted");
    assert.equal(admitted()[0]?.max_output_tokens, 50);
    assert.deepEqual([ledger(), told.lost, told.unbudgeted], [[], 0, 1]);
  });

  for (const error of [
    new TypeError("a bug"),
    new SluiceError("message_too_large", "for good", { retryable: false }),
  ]) {
    test(`what time does not heal is no reason to go on: ${error.message}`, async () => {
      const { handle, log } = await setUp(failing(error));
      await assert.rejects(handle([record]), error);
      assert.deepEqual(log.records, []);
    });
  }

  test("once it is back, a redelivered record is held as any other", async () => {
    let away = true;
    const { handle, admitted, ledger } = await setUp({
      admission,
      storeOver: (store) => ({
        reserve: (asks) => (away ? Promise.reject(unavailable("redis", new Error("gone"))) : store.reserve(asks)),
      }),
    });
    await handle([record]);
    away = false;
    await handle([record]);
    assert.deepEqual(
      admitted().map(({ reservation }) => reservation.hold_id === "unbudgeted"),
      [true, false],
    );
    assert.equal(ledger().length, 1);
  });
});
