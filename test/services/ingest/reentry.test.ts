/** Re-entry on ports in memory and virtual time: when a retry record is entered, as what, and what stops it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { TopicPartition } from "../../../libs/shared/kafka/ports.ts";
import { createIngestHandler } from "../../../services/ingest/handler.ts";
import { createReentryHandler, dueAt } from "../../../services/ingest/reentry.ts";
import { START_MS } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, NAMES } from "../../support/memory-ports.ts";
import { BODY as body, setUp as ingestOn } from "./ingest-fixture.ts";

const DELAY_MS = 5_000;
const SLACK_MS = 5_000;
const TOPIC = NAMES.retry("5s");
const RECEIVED_MS = START_MS - 60_000;
const origin = `${NAMES.requests} 3 42 ${RECEIVED_MS}`;

async function setUp(assigned: (tp: TopicPartition) => boolean = () => true) {
  const ingest = await ingestOn();
  const { clock, deps, told, out } = ingest;
  const stop = new AbortController();
  const context = { isAssigned: assigned, stopping: stop.signal };
  const first = createIngestHandler(deps);
  const enter = createIngestHandler({ ...deps, reentry: true });
  const reentry = createReentryHandler({ clock, delay_ms: DELAY_MS, enter });
  return {
    ...ingest,
    publisher: { records: out, values: (topic: string) => ingest.log.values(topic) },
    counts: told.fates,
    stop,
    first: (record: ReturnType<typeof inRecord>) => first([record], context),
    /** Runs the clock until the handler has ended; resolves with the virtual ms that it took. */
    async reenter(record: ReturnType<typeof inRecord>): Promise<number> {
      let ended = false;
      const work = reentry([record], context).finally(() => {
        ended = true;
      });
      // One event of its own, so that the clock has something to run where the handler waits for nothing.
      clock.after(0, () => undefined);
      const [, outcome] = await Promise.all([
        clock.run(() => ended, START_MS + 10 * 86_400_000),
        work.then(
          () => undefined,
          (error: unknown) => ({ error }),
        ),
      ]);
      if (outcome !== undefined) throw outcome.error;
      return clock.now_ms() - START_MS;
    },
  };
}

const retry = (value: object, headers: Record<string, string> = {}, timestamp_ms = START_MS) =>
  inRecord(value, {
    topic: TOPIC,
    partition: 1,
    offset: 9,
    timestamp_ms,
    headers: { "sluice-origin": origin, ...headers },
  });
const due = (wait_ms: number) => ({ "sluice-due-ms": String(START_MS + wait_ms), "sluice-round": "2" });

describe("a record of a retry topic", () => {
  test("waits until it is due, then goes on as the original did", async () => {
    const { publisher, first, reenter, counts } = await setUp();
    const request = { tenant: "demo", body };
    await first(inRecord(request, { partition: 3, offset: 42, timestamp_ms: RECEIVED_MS }));
    assert.equal(await reenter(retry(request, { ...due(4_000), traceparent: "t" })), 4_000);
    const [original, again] = publisher.records();
    assert.equal(again?.topic, NAMES.admitted);
    assert.equal(again?.key, "llm.requests-3-42", "the id comes from the original's place");
    const [before, after] = publisher
      .values(NAMES.admitted)
      .map(({ timing, ...rest }) => ({ ...rest, timing: timing as object }));
    assert.deepEqual({ ...after, timing: 0 }, { ...before, timing: 0 });
    assert.deepEqual(after?.timing, { received: RECEIVED_MS, admitted: START_MS + 4_000 });
    assert.equal(again?.headers?.["sluice-origin"], original?.headers?.["sluice-origin"]);
    assert.deepEqual(again?.headers?.["sluice-round"], "2");
    assert.deepEqual(again?.headers?.["traceparent"], "t");
    assert.equal(again?.headers?.["sluice-due-ms"], undefined);
    assert.deepEqual(counts, ["admitted", "admitted"], "the same record again, not a repeat of it");
  });

  test("has the lane that it came by", async () => {
    const { publisher, reenter } = await setUp();
    const headers = { "sluice-origin": `${NAMES.batch(NAMES.requests)} 3 42 ${RECEIVED_MS}` };
    await reenter(retry({ tenant: "demo", body }, headers));
    assert.equal(publisher.records()[0]?.topic, NAMES.batch(NAMES.admitted));
  });

  test("without an origin it stands where it is", async () => {
    const { publisher, reenter } = await setUp();
    await reenter(retry({ tenant: "demo", body }, { "sluice-origin": "nonsense" }));
    assert.equal(publisher.records()[0]?.key, "llm.retry.5s-1-9");
  });

  test("goes on where Redis forgot it and a repeat was admitted meanwhile; other content takes its id", async () => {
    const { first, reenter, counts } = await setUp();
    const request = { tenant: "demo", id: "r1", body };
    await first(inRecord(request, { partition: 3, offset: 77 }));
    await reenter(retry(request, due(0)));
    await reenter(retry({ ...request, user: "other" }, due(0)));
    assert.deepEqual(counts, ["admitted", "admitted", "dead_letter"]);
  });

  test("ends as expired when its deadline passed while it waited, and would not have at its arrival", async () => {
    const { publisher, reenter, counts } = await setUp();
    const deadline = new Date(START_MS + 3_000).toISOString();
    await reenter(retry({ tenant: "demo", id: "r1", body, deadline }, due(4_000)));
    assert.deepEqual(counts, ["expired"]);
    const [outcome] = publisher.values(NAMES.outcomes);
    assert.equal(outcome?.["status"], "expired");
    assert.deepEqual(outcome?.["timing"], { received: RECEIVED_MS, completed: START_MS + 4_000 });
  });

  test("has the hold that it had, and the ledger hears of it again", async () => {
    const { first, reenter, admitted, ledger, store } = await setUp();
    const request = { tenant: "demo", id: "r1", user: "ann", body };
    await first(inRecord(request, { partition: 3, offset: 42, timestamp_ms: RECEIVED_MS }));
    await reenter(retry(request, due(4_000)));
    const [before, after] = admitted();
    assert.deepEqual(after?.reservation, before?.reservation);
    const [entry, again] = ledger();
    assert.deepEqual([again?.hold_id, again?.at_ms], [entry?.hold_id, entry?.at_ms]);
    const sums = await store.read("demo", before?.reservation.counters ?? []);
    assert.deepEqual(new Set(sums.map(({ reserved_nusd }) => reserved_nusd)), new Set([entry?.reserved_nusd]));
  });

  test("asks anew where its hold is gone with the counters", async () => {
    const { first, reenter, admitted, store } = await setUp();
    const request = { tenant: "demo", id: "r1", body };
    await first(inRecord(request, { partition: 3, offset: 42, timestamp_ms: RECEIVED_MS }));
    const restoring = await store.begin();
    await restoring?.finish({ counters: [], holds: [], seen: [], rates: [], applied: new Map() });
    await reenter(retry(request, due(0)));
    const [before, after] = admitted();
    assert.notEqual(after?.reservation.hold_id, before?.reservation.hold_id);
  });

  test("gives its hold back with its end when it expires meanwhile; the ledger hears of that from results", async () => {
    const { first, reenter, admitted, outcomes, ledger } = await setUp();
    const deadline = new Date(START_MS + 3_000).toISOString();
    const request = { tenant: "demo", id: "r1", body, deadline };
    await first(inRecord(request, { partition: 3, offset: 42, timestamp_ms: RECEIVED_MS }));
    await reenter(retry(request, due(4_000)));
    const [outcome] = outcomes();
    assert.equal(outcome?.status, "expired");
    assert.deepEqual(outcome?.reservation, admitted()[0]?.reservation);
    assert.equal(ledger().length, 1);
  });

  test("tells on how many of its calls may be billed; at a first entry that is not the writer's to say", async () => {
    const { first, reenter, out, outcomes } = await setUp();
    const billed = { "sluice-unknown-calls": "2" };
    const deadline = new Date(START_MS + 3_000).toISOString();
    const request = { tenant: "demo", id: "r1", body, deadline };
    const place = { partition: 3, offset: 42, timestamp_ms: RECEIVED_MS };
    await first(inRecord(request, { ...place, headers: billed }));
    assert.equal(out()[0]?.headers?.["sluice-unknown-calls"], undefined);
    await reenter(retry(request, { ...due(0), ...billed }));
    assert.equal(out()[1]?.headers?.["sluice-unknown-calls"], "2");
    await reenter(retry(request, { ...due(4_000), ...billed }));
    assert.deepEqual([outcomes()[0]?.status, outcomes()[0]?.unknown_calls], ["expired", 2]);
  });

  test("causes nothing when its request has ended meanwhile", async () => {
    const { first, reenter, admitted, ledger, store, counts } = await setUp();
    const request = { tenant: "demo", id: "r1", body };
    await first(inRecord(request, { partition: 3, offset: 42, timestamp_ms: RECEIVED_MS }));
    const reserved = ledger()[0] ?? assert.fail("nothing reserved");
    const entry = { ...reserved, kind: "released", cause: "no_call" } as const;
    await store.apply([{ partition: 0, offset: "1", entry, caps_nusd: {} }]);
    await reenter(retry(request, due(0)));
    assert.deepEqual([counts, admitted().length, ledger().length], [["admitted", "repeated"], 1, 1]);
  });

  test("waits as long as it takes while the counters are lost", async () => {
    const { reenter, store, out } = await setUp();
    store.lose();
    await assert.rejects(reenter(retry({ tenant: "demo", id: "r1", body }, due(0))), { code: "counters_lost" });
    assert.deepEqual(out(), []);
  });

  test("a dead letter is a copy of the retry record, not of the original", async () => {
    const { publisher, reenter } = await setUp();
    await reenter(retry([1], due(0)));
    const [letter] = publisher.records();
    assert.equal(letter?.topic, NAMES.dlq);
    assert.equal(letter?.headers?.["kafka_dlt-original-topic"], TOPIC);
    assert.equal(letter?.headers?.["kafka_dlt-original-offset"], "9");
  });

  test("stopping gives it up unfinished, retryably, without a trace", async () => {
    const { publisher, reenter, stop, clock } = await setUp();
    clock.after(1_000, () => stop.abort());
    const record = retry({ tenant: "demo", id: "r1", body }, due(4_000));
    await assert.rejects(reenter(record), { code: "stopping", retryable: true });
    assert.equal(clock.now_ms(), START_MS + 1_000);
    assert.deepEqual(publisher.records(), []);
  });

  test("one that is due is entered even while the service stops", async () => {
    const { publisher, reenter, stop } = await setUp();
    stop.abort();
    await reenter(retry({ tenant: "demo", id: "r1", body }, due(0)));
    assert.equal(publisher.records().length, 1);
  });

  test("goes nowhere when its partition went to another member meanwhile", async () => {
    const { publisher, reenter } = await setUp(() => false);
    await reenter(retry({ tenant: "demo", id: "r1", body }, due(4_000)));
    assert.deepEqual(publisher.records(), []);
  });
});

describe("the due time", () => {
  const at = (due_ms: string | undefined, timestamp_ms = START_MS): number =>
    dueAt({ timestamp_ms, headers: due_ms === undefined ? {} : { "sluice-due-ms": due_ms } }, DELAY_MS);

  test("missing or absurd, it is now", () => {
    for (const text of [undefined, "", "soon", "-5", "1e99", "99999999999999999999"]) {
      assert.ok(at(text) <= START_MS, text);
    }
  });

  test("further ahead than its topic's delay, that delay counts; a redelivery does not begin it anew", () => {
    assert.equal(at(String(START_MS + 86_400_000)), START_MS + DELAY_MS + SLACK_MS);
    assert.equal(at(String(START_MS + DELAY_MS + SLACK_MS)), START_MS + DELAY_MS + SLACK_MS);
  });

  test("no record waits longer than its topic's delay and the slack, whatever it says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.bigInt({ min: 0n, max: 10n ** 17n }).map(String)), async (text) => {
        const { publisher, reenter } = await setUp();
        const waited_ms = await reenter(retry({ tenant: "demo", id: "r1", body }, { "sluice-due-ms": text }));
        assert.ok(waited_ms <= DELAY_MS + SLACK_MS);
        assert.equal(publisher.values(NAMES.admitted).length, 1);
      }),
      { numRuns: 50 },
    );
  });

  test("a delay that no timer can hold is waited for all the same", async () => {
    const { clock } = await setUp();
    const DAY_MS = 86_400_000;
    const waits: number[] = [];
    const watched = {
      now_ms: () => clock.now_ms(),
      after: (delay_ms: number, task: () => void) => {
        waits.push(delay_ms);
        return clock.after(delay_ms, task);
      },
    };
    let ended = false;
    const handler = createReentryHandler({
      clock: watched,
      delay_ms: 60 * DAY_MS,
      enter: async () => {
        ended = true;
      },
    });
    const record = retry({}, { "sluice-due-ms": String(START_MS + 50 * DAY_MS) });
    const work = handler([record], { isAssigned: () => true, stopping: new AbortController().signal });
    await clock.run(() => ended, START_MS + 100 * DAY_MS);
    await work;
    assert.equal(clock.now_ms(), START_MS + 50 * DAY_MS);
    assert.ok(Math.max(...waits) < 2 ** 31);
  });
});
