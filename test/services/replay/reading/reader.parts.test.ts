/** Recorded traffic on a real Kafka and Postgres: what a selection covers, and what is joined to its records. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { OutcomeHead } from "../../../../libs/shared/events/flow.ts";
import { ORIGIN_HEADER } from "../../../../libs/shared/events/headers.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { Range, Selection } from "../../../../libs/shared/replay/replay.ts";
import type { Recorded, Wanted } from "../../../../services/replay/contract.ts";
import { type ClosingReader, createRecordedReader } from "../../../../services/replay/reading/reader.ts";
import { NO_PARTS, openTraffic, requestOf, type Traffic } from "../../../support/recorded.ts";
import { until } from "../../../support/until.ts";

const ALL: Wanted = { request: true, outcome: true };
const COUNT = 1_200;
const route = { tier: "small", model: "m-1", reason: "r", cache: "miss", attempts: 1 } as const;

/** Of three requests the second failed. */
const endingOf = (at: number): Partial<OutcomeHead> =>
  at % 3 === 1
    ? { status: "failed", route, error: { code: "provider_error", type: "api_error", message: "no" } }
    : { status: "succeeded", route: at % 3 === 0 ? route : { ...route, tier: "large", model: "m-2" } };

describe("recorded traffic", { skip: NO_PARTS }, () => {
  let traffic: Traffic;
  let requests: readonly InRecord[];
  let between_ms: number;
  const open: ClosingReader[] = [];

  before(async () => {
    traffic = await openTraffic("recorded", 2);
    const { names, producer } = traffic;
    const some = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) =>
        requestOf(names.requests, `r${from + at}`, {
          tenant: at % 4 === 0 ? "acme" : "demo",
          metadata: { app: `a${at % 2}` },
        }),
      );
    await producer.publish(some(0, COUNT - 100));
    between_ms = Date.now() + 1;
    await until("the clock moves on", () => Date.now() > between_ms);
    await producer.publish(some(COUNT - 100, COUNT));
    // The producer may have sent some twice to a topic that was new: one ending each.
    const seen = new Set<string>();
    requests = (await traffic.all(names.requests)).filter(({ key }) => {
      const id = key?.toString() ?? "";
      return !seen.has(id) && seen.add(id);
    });
    const claims = await traffic.answer(requests, endingOf);
    await producer.publish(
      claims.slice(0, 10).map(({ id, row }) => ({ topic: names.results, key: id, value: Buffer.from(row.result) })),
    );
    // A repeat, a request under way, what nobody can read, and one of the pipeline's own.
    await producer.publish([
      requestOf(names.requests, "r5"),
      requestOf(names.requests, "under-way"),
      { topic: names.requests, key: null, value: Buffer.from("no JSON") },
      requestOf(names.requests, "probe", { tenant: "sluice.cache-check" }),
    ]);
  });
  after(async () => {
    await Promise.all(open.map((reader) => reader.close()));
    await traffic.close();
  });

  function readerOf(selection: Partial<Selection>, replay: Partial<Traffic["settings"]["replay"]> = {}): ClosingReader {
    const { settings, names, database } = traffic;
    const changed = { ...settings, replay: { ...settings.replay, ...replay } };
    const deps = { ...traffic, pool: database.pool, settings: changed, log: silentLog };
    const reader = createRecordedReader(deps, { topic: names.requests, ...selection });
    open.push(reader);
    return reader;
  }

  async function take(reader: ClosingReader, wanted = ALL, ranges?: readonly Range[]) {
    const found: Recorded[] = [];
    const skipped = { filtered: 0, unreadable: 0 };
    for (const range of ranges ?? (await reader.ranges())) {
      let before = -1;
      for await (const { items, source } of reader.read(range, wanted)) {
        assert.ok(items.length > 0 && items.length <= traffic.settings.replay.chunk);
        assert.equal(source.partition, range.partition);
        for (const { offset, recorded, skipped: why } of items) {
          assert.ok(offset > before && offset >= range.from && offset < range.to);
          before = offset;
          if (recorded !== undefined) found.push(recorded);
          else skipped[why ?? "filtered"] += 1;
        }
      }
    }
    return { found, skipped };
  }

  const idsOf = (found: readonly Recorded[]): string[] => found.map(({ id }) => id).sort();

  test("has each request once, with its outcome and its Result", async () => {
    const { found, skipped } = await take(readerOf({}));
    // The repeat and the probe are left out; and whatever the producer has sent twice to a topic that was new.
    assert.ok(skipped.filtered >= 2 && skipped.unreadable === 1, JSON.stringify(skipped));
    assert.equal(new Set(found.map(({ id }) => id)).size, found.length);
    assert.equal(found.length, COUNT + 1);
    for (const one of found) {
      const request = JSON.parse(one.request?.toString() ?? "null") as { id: string };
      assert.equal(request.id, one.id);
      assert.equal(one.received_ms, one.source.timestamp_ms);
      if (one.id === "under-way") {
        assert.deepEqual([one.outcome, one.original], [undefined, undefined]);
        continue;
      }
      assert.equal(one.outcome?.from, "topic");
      assert.equal(one.outcome?.head.id, one.id);
      assert.equal(one.original?.status, one.outcome?.head.status);
      assert.equal(one.outcome?.response === undefined, one.original?.status === "failed");
      assert.match(one.outcome?.headers[ORIGIN_HEADER] ?? "", new RegExp(`requests ${one.source.partition} `));
    }
  });

  test("has nothing that nobody wants, but what the selection asks about", async () => {
    const { found } = await take(readerOf({ status: ["failed"] }), { request: false, outcome: false });
    assert.equal(found.length, COUNT / 3);
    for (const { request, outcome, original } of found) {
      assert.deepEqual([request, outcome, original?.error?.code], [undefined, undefined, "provider_error"]);
    }
  });

  test("is filtered by tenant, tier, model, code and label at once", async () => {
    const selection = {
      tenant: "demo",
      tier: ["small"],
      model: ["m-1"],
      error_code: ["provider_error"],
      label: { app: "a1" },
    };
    const { found } = await take(readerOf(selection));
    assert.ok(found.length > 0);
    for (const { tenant, original } of found) {
      assert.deepEqual([tenant, original?.status, original?.metadata], ["demo", "failed", { app: "a1" }]);
    }
    assert.deepEqual(idsOf((await take(readerOf({ tenant: "sluice.cache-check" }))).found), ["probe"]);
  });

  test("is selected by outcomes and Results too, with the request from where it stands", async () => {
    const { found } = await take(readerOf({ topic: traffic.names.outcomes }));
    assert.equal(found.length, COUNT);
    for (const one of found) {
      assert.equal(one.outcome?.from, "topic");
      assert.equal((JSON.parse(one.request?.toString() ?? "null") as { id: string }).id, one.id);
    }
    const results = await take(readerOf({ topic: traffic.names.results, tier: ["small"] }));
    assert.equal(results.found.length + results.skipped.filtered, 10);
    for (const one of results.found) {
      assert.deepEqual(
        [one.outcome?.from, one.outcome?.head.id, one.original?.route?.tier],
        ["topic", one.id, "small"],
      );
      assert.equal((JSON.parse(one.request?.toString() ?? "null") as { id: string }).id, one.id);
    }
    const [{ id }] = results.found as [Recorded];
    const by_id = await take(readerOf({ topic: traffic.names.results, ids: [id] }));
    assert.deepEqual(idsOf(by_id.found), [id]);
  });

  test("covers what was written within a time, or at offsets", async () => {
    const late = await take(readerOf({ from_ms: between_ms }));
    assert.equal(late.found.length, 101);
    const early = await take(readerOf({ to_ms: between_ms }));
    assert.equal(early.found.length, COUNT - 100);
    const offsets = [{ partition: 1, from: 20, to: 30 }];
    const ranges = await readerOf({ offsets }).ranges();
    assert.deepEqual(ranges, [{ topic: traffic.names.requests, partition: 1, from: 20, to: 30 }]);
  });

  test("goes on from an offset", async () => {
    const reader = readerOf({});
    const [range] = await reader.ranges();
    const from = (range?.to ?? 0) - 5;
    const offsets: number[] = [];
    for await (const { items } of reader.read(range as Range, ALL, from))
      offsets.push(...items.map(({ offset }) => offset));
    assert.deepEqual(
      offsets,
      [0, 1, 2, 3, 4].map((more) => from + more),
    );
  });

  test("is found by ids, and little else is read", async () => {
    const ids = ["r7", "r900", "r12", "nobody's"];
    for (const topic of [traffic.names.requests, traffic.names.outcomes]) {
      const reader = readerOf({ topic, ids });
      const ranges = await reader.ranges();
      assert.ok(ranges.reduce((sum, { from, to }) => sum + to - from, 0) < 200);
      assert.deepEqual(idsOf((await take(reader, ALL, ranges)).found), ["r12", "r7", "r900"]);
    }
    await assert.rejects(readerOf({ ids: ["r7"], tenant: "acme" }).ranges(), { code: "usage" }, "it is another's");
    await assert.rejects(readerOf({ ids: ["nobody's"] }).ranges(), { code: "usage", message: /nobody's/ });
    const admitted = { topic: traffic.names.admitted, ids: ["r7"] };
    assert.throws(() => readerOf(admitted), { code: "usage", fix: /requests/ });
  });

  test("ends at its limit, for good", async () => {
    const reader = readerOf({ limit: 11, status: ["failed"] });
    const ranges = await reader.ranges();
    assert.equal(ranges.length, 2);
    const { found } = await take(reader, ALL, ranges);
    assert.equal(found.length, 11);
    assert.ok(found.every(({ original }) => original?.status === "failed"));
  });

  test("is refused where it is too large", async () => {
    await assert.rejects(readerOf({}, { records_max: 1_000, chunk: 100 }).ranges(), {
      code: "replay_too_large",
      fix: /in parts/,
    });
    await assert.rejects(readerOf({ tenant: "none", limit: 1 }, { records_max: 1_000, chunk: 100 }).ranges(), {
      code: "replay_too_large",
    });
    const few = await readerOf({ limit: 5 }, { records_max: 1_000, chunk: 100 }).ranges();
    assert.ok(few.length > 0, "a limit makes it small");
  });

  test("has outcomes of rows where the topic has them no more", async () => {
    const { kafka, names } = traffic;
    const admin = kafka.admin();
    try {
      await admin.connect();
      const bounds = await admin.fetchTopicOffsets(names.outcomes);
      const partitions = bounds.map(({ partition, high }) => ({ partition, offset: high }));
      await admin.deleteTopicRecords({ topic: names.outcomes, partitions });
    } finally {
      await admin.disconnect();
    }
    const { found } = await take(readerOf({ limit: 50, status: ["succeeded"] }));
    assert.equal(found.length, 50);
    for (const { outcome, original, id } of found) {
      assert.equal(outcome?.from, "row");
      assert.equal(outcome?.head.content_hash, `hash of ${id}`);
      assert.deepEqual(JSON.parse(outcome?.response?.toString() ?? "null"), original?.response);
      assert.ok(!("response" in (outcome?.head ?? {})));
    }
  });
});
