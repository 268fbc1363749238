/** Re-entry of what was deferred, in virtual time: when it is entered, and that none keeps its place for long. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HandlerContext } from "../../../libs/shared/kafka/handler.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { createDeferredHandler, PLACE_MS } from "../../../services/ingest/deferred.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const WAIT_MS_MAX = 3_600_000;
const SLACK_MS = 5_000;

function setUp(assigned = () => true) {
  const clock = new VirtualClock();
  const publisher = new MemoryPublisher();
  const entered: (readonly [id: string, after_ms: number])[] = [];
  const counts: string[] = [];
  const stop = new AbortController();
  const context: HandlerContext = { isAssigned: assigned, stopping: stop.signal };
  const handler = createDeferredHandler({
    clock,
    publisher,
    wait_ms_max: WAIT_MS_MAX,
    enter: async (records, given) => {
      assert.equal(given, context);
      for (const { value } of records) entered.push([String(value), clock.now_ms() - START_MS]);
    },
    count: (fate) => counts.push(fate),
  });
  /** Each record in its own call. */
  const wait = async (...records: InRecord[]): Promise<void> => {
    let open = records.length;
    const calls = records.map((record) =>
      handler([record], context).finally(() => {
        open -= 1;
      }),
    );
    // One event of its own, so that the clock has something to run where nothing is waited for.
    clock.after(0, () => undefined);
    const settled = Promise.allSettled(calls);
    await clock.run(() => open === 0, START_MS + 86_400_000);
    const failed = (await settled).find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };
  return { clock, publisher, entered, counts, stop, wait };
}

const deferred = (id: string, due: number | string, more: Partial<InRecord> = {}): InRecord =>
  inRecord(id, {
    topic: NAMES.deferred,
    timestamp_ms: START_MS,
    headers: { "sluice-due-ms": typeof due === "number" ? String(START_MS + due) : due, "sluice-origin": "x" },
    ...more,
  });

describe("a deferred record", () => {
  test("is entered when it is due, whatever stands before it", async () => {
    const { wait, entered, publisher, counts } = setUp();
    await wait(deferred("c", 30_000), deferred("a", 2_000), deferred("d", PLACE_MS), deferred("b", 10_000));
    assert.deepEqual(entered, [
      ["a", 2_000],
      ["b", 10_000],
      ["c", 30_000],
      ["d", PLACE_MS],
    ]);
    assert.deepEqual(publisher.records, []);
    assert.deepEqual(counts, Array(4).fill("entered"));
  });

  test("that is due already, or says nothing that makes sense, is entered at once", async () => {
    const { wait, entered } = setUp();
    await wait(deferred("a", -5), deferred("b", "soon"));
    assert.deepEqual(entered, [
      ["a", 0],
      ["b", 0],
    ]);
  });

  test("that is due later goes to the end of the topic once it has waited, as it is", async () => {
    const { wait, clock, entered, publisher, counts } = setUp();
    const far = deferred("a", PLACE_MS + 1, { key: Buffer.from("key") });
    await wait(far);
    assert.equal(clock.now_ms() - START_MS, PLACE_MS);
    const { topic, key, value, headers } = far;
    assert.deepEqual(publisher.records, [{ topic, key, value, headers }]);
    assert.deepEqual([entered, counts], [[], ["put_back"]]);
  });

  test("that is due further ahead than anyone defers has its time corrected, so that it does not go round for ever", async () => {
    const { wait, publisher } = setUp();
    await wait(deferred("a", 1_000 * WAIT_MS_MAX));
    const [back] = publisher.records;
    assert.equal(back?.headers?.["sluice-due-ms"], String(START_MS + WAIT_MS_MAX + SLACK_MS));
  });

  test("that went to another member meanwhile waits there", async () => {
    const { wait, entered, publisher } = setUp(() => false);
    await wait(deferred("a", 2_000), deferred("b", 2 * PLACE_MS));
    assert.deepEqual([entered, publisher.records], [[], []]);
  });

  test("is given up retryably when the service stops", async () => {
    const { wait, clock, entered, publisher, stop } = setUp();
    clock.after(1_000, () => stop.abort());
    await assert.rejects(wait(deferred("a", 2_000)), { code: "stopping", retryable: true });
    assert.equal(clock.now_ms(), START_MS + 1_000);
    assert.deepEqual([entered, publisher.records], [[], []]);
  });

  test("goes round until it is due, a minute at a time", async () => {
    const { wait, clock, entered, publisher } = setUp();
    await wait(deferred("a", 200_000));
    for (let rounds = 0; entered.length === 0; rounds += 1) {
      assert.ok(rounds < 10);
      const { headers = {} } = publisher.records.at(-1) ?? {};
      await wait(deferred("a", 0, { headers, timestamp_ms: clock.now_ms() }));
    }
    assert.equal(publisher.records.length, 3);
    assert.deepEqual(entered, [["a", 200_000]]);
  });
});
