/** Dead letters in memory: grouped, found, redriven at a rate, and dropped. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deadLettersOver } from "../../../../libs/shared/dead-letters/dead-letters.ts";
import { unavailable } from "../../../../libs/shared/errors.ts";
import type { ResultStatus } from "../../../../libs/shared/events/fields.ts";
import type { InRecord, OutRecord } from "../../../../libs/shared/kafka/ports.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { letterRecord, MemoryRows, memoryReader } from "../../../support/dead-letters.ts";
import { hopRecord, inRecord, jsonCodec, NAMES } from "../../../support/memory-ports.ts";

const SETTINGS = { dlq: { redrives_max: 3, rate_per_s: 2 }, topics: { retry_delays: ["5s"] }, admission: {} } as never;

const job = (id: string): InRecord =>
  hopRecord({ id, tenant: "demo", content_hash: "h" }, "request", Buffer.from(`{"tenant":"demo","id":"${id}"}`), {
    topic: NAMES.jobs("small"),
  });

/** Jobs on partition 0, junk on partition 1. */
function letters(): InRecord[] {
  const failed = ["a", "b", "c", "d", "e"].map((id, offset) =>
    letterRecord(job(id), "provider_error", { offset, timestamp_ms: 1_000 * offset }),
  );
  const junk = [0, 1].map((offset) =>
    letterRecord(inRecord("junk", { offset }), "not_json", { partition: 1, offset, timestamp_ms: 9_000 }),
  );
  return [...failed, ...junk];
}

function setUp(endings: Record<string, ResultStatus> = {}) {
  const clock = new VirtualClock();
  const rows = new MemoryRows();
  const sent: OutRecord[] = [];
  const sent_ms: number[] = [];
  const topics: string[] = [];
  let broken = false;
  const all = deadLettersOver(
    {
      reader: memoryReader(letters()),
      rows: {
        of: (some) => rows.of(some),
        note: (done) => (broken ? Promise.reject(unavailable("postgres", new Error("gone"))) : rows.note(done)),
      },
      codec: jsonCodec,
      names: NAMES,
      clock,
      publisher: {
        async publish(records) {
          sent.push(...records);
          sent_ms.push(clock.now_ms());
        },
      },
      endings: async () => new Map(Object.entries(endings).map(([id, status]) => [`demo ${id}`, status])),
      makeReplayTopic: async (id) => void topics.push(id),
    },
    SETTINGS,
  );
  return { all, rows, sent, sent_ms, topics, clock, breakRows };

  function breakRows(so: boolean): void {
    broken = so;
  }
}

/** Fast enough that no wait is due on a clock that stands still. */
const ASK = { by: "maria", rate_per_s: Number.POSITIVE_INFINITY };

describe("dead letters", () => {
  test("are grouped by reason, with their times, their states and a sample", async () => {
    const { all } = setUp();
    await all.drop({ places: ["0:4"] }, { by: "maria", why: "a test" });
    const [first, second] = await all.groups();
    assert.deepEqual(first, {
      ...{ code: "provider_error", service: "test", topic: NAMES.jobs("small") },
      ...{ count: 5, waiting: 4, redriven: 0, dropped: 1, first_ms: 0, last_ms: 4_000 },
      // The latest that waits.
      sample: { place: "0:3", tenant: "demo", id: "d", message: "because of provider_error" },
    });
    assert.deepEqual([second?.code, second?.waiting, second?.sample.id], ["not_json", 2, undefined]);
  });

  test("are found by time, code, place and request", async () => {
    const { all } = setUp();
    const places = async (...given: Parameters<typeof all.list>) =>
      (await all.list(...given)).map(({ letter }) => letter.place);
    assert.deepEqual(await places({ since_ms: 3_000, until_ms: 5_000 }, 10), ["0:4", "0:3"]);
    assert.deepEqual(await places({ codes: ["not_json"], topics: [NAMES.requests] }, 1), ["1:0"]);
    assert.deepEqual(await places({ ids: ["c"] }, 10), ["0:2"]);
    assert.deepEqual(await places({ ids: ["llm.requests-0-1"] }, 10), []);
    const [found] = await all.find("0:1");
    assert.deepEqual([found?.whose?.id, found?.plan.kind, found?.handled], ["b", "back", undefined]);
    assert.equal((await all.find("e"))[0]?.letter.place, "0:4");
    assert.deepEqual(await all.find("nobody"), []);
  });

  test("are redriven once each, and only those that are meant", async () => {
    const { all, rows, sent } = setUp();
    const summary = await all.redrive({ codes: ["provider_error"] }, { ...ASK, why: "mended" });
    assert.deepEqual([summary.selected, summary.sent_back, summary.run, summary.stopped], [5, 5, 0, false]);
    assert.deepEqual(summary.by_target, { [NAMES.jobs("small")]: 5 });
    const { action, by, why, replay, target } = rows.handled.get("0:2") ?? {};
    assert.deepEqual([action, by, why, target], ["redriven", "maria", "mended", NAMES.jobs("small")]);
    assert.equal(replay, summary.id);
    const again = await all.redrive({}, ASK);
    assert.deepEqual([again.selected, again.handled_before, again.sent_back], [7, 5, 2]);
    assert.equal(sent.length, 7);
  });

  test("in a dry run tell what would be, and nothing is sent", async () => {
    const { all, rows, sent, topics } = setUp({ a: "failed", b: "succeeded" });
    const summary = await all.redrive({}, { ...ASK, dry_run: true });
    assert.deepEqual([summary.sent_back, summary.run, summary.already_ended], [5, 1, 1]);
    assert.deepEqual(
      summary.left.map(({ place, fate }) => [place, fate]),
      [["0:1", "already_ended"]],
    );
    assert.deepEqual([sent.length, rows.handled.size, topics.length], [0, 0, 0]);
  });

  test("that are left are all counted, and the first ones of each reason named", async () => {
    const { all } = setUp({ a: "succeeded", b: "succeeded", c: "succeeded", d: "succeeded", e: "succeeded" });
    const summary = await all.redrive({}, { ...ASK, dry_run: true });
    assert.equal(summary.already_ended, 5);
    assert.deepEqual(
      summary.left.map(({ place }) => place),
      ["0:0", "0:1", "0:2", "0:3"],
    );
  });

  test("that are run once more have their Results on one topic, made before", async () => {
    const { all, sent, topics } = setUp({ a: "failed", b: "failed" });
    const summary = await all.redrive({ codes: ["provider_error"] }, ASK);
    assert.equal(summary.run, 2);
    assert.deepEqual(topics, [summary.id]);
    assert.ok(sent.some(({ headers }) => headers?.["sluice-replay"]?.includes(summary.id)));
  });

  test("go no faster than they may", async () => {
    const { all, sent_ms, clock } = setUp();
    const done = all.redrive({ codes: ["provider_error"] }, { by: "maria" });
    let ended = false;
    void done.then(() => {
      ended = true;
    });
    await clock.run(() => ended, START_MS + 20_000);
    assert.deepEqual(
      sent_ms.map((at_ms) => at_ms - START_MS),
      [0, 1_000, 1_500],
    );
  });

  test("that were sent before a crash are sent once more as the same requests, and then noted", async () => {
    const { all, sent, breakRows } = setUp({ a: "failed" });
    breakRows(true);
    await assert.rejects(all.redrive({ places: ["0:0"] }, ASK), { code: "dependency_unavailable" });
    breakRows(false);
    const summary = await all.redrive({ places: ["0:0"] }, ASK);
    assert.equal(summary.run, 1);
    const values = sent.map(({ value }) => value?.toString());
    assert.equal(values.length, 2);
    assert.equal(values[0], values[1]);
  });

  test("stop where somebody stops it, and the rest waits", async () => {
    const { all, rows } = setUp();
    const stopping = new AbortController();
    const summary = await all.redrive({}, ASK, { stopping: stopping.signal, progress: () => stopping.abort() });
    assert.equal(summary.stopped, true);
    assert.equal(rows.handled.size, 3);
  });

  test("are dropped with a reason, once", async () => {
    const { all, sent } = setUp();
    await assert.rejects(all.drop({}, { by: "maria", why: " " }), { code: "usage" });
    const dry = await all.drop({ codes: ["not_json"] }, { by: "maria", why: "a test", dry_run: true });
    assert.equal(dry.dropped, 2);
    const done = await all.drop({ codes: ["not_json"] }, { by: "maria", why: "a test" });
    assert.deepEqual([done.selected, done.dropped, done.handled_before], [2, 2, 0]);
    const redriven = await all.redrive({ codes: ["not_json"] }, ASK);
    assert.deepEqual([redriven.handled_before, sent.length], [2, 0]);
  });
});
