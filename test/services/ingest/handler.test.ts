/** Ingest on ports in memory: what a batch causes, and when. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../../libs/shared/clock.ts";
import { unavailable } from "../../../libs/shared/errors.ts";
import type { Publisher } from "../../../libs/shared/kafka/ports.ts";
import { createIngestHandler, type IngestDeps } from "../../../services/ingest/handler.ts";
import { DEAD_LETTERS, inRecord, jsonCodec, MemoryPublisher, memorySeen, NAMES } from "../../support/memory-ports.ts";

const body = { messages: [{ role: "user", content: "hi" }] };
const CONTEXT = { isAssigned: () => true, stopping: new AbortController().signal };

function setUp(more: Partial<IngestDeps> = {}) {
  const publisher = new MemoryPublisher();
  const counts: string[] = [];
  const handler = createIngestHandler({
    codec: jsonCodec,
    publisher,
    seen: memorySeen(),
    clock: systemClock,
    names: NAMES,
    dead_letters: DEAD_LETTERS,
    knowsTenant: (tenant) => tenant === "demo",
    reentry: false,
    count: (outcome) => counts.push(outcome),
    ...more,
  });
  return { publisher, counts, handle: (records: ReturnType<typeof inRecord>[]) => handler(records, CONTEXT) };
}

describe("ingest", () => {
  test("admits a request with its bytes as they came, and passes its headers on", async () => {
    const { publisher, handle } = setUp();
    const text = `{ "tenant":"demo",  "id":"r1", "body":${JSON.stringify(body)} }`;
    await handle([inRecord(text, { headers: { traceparent: "t", "sluice-reply-to": "g", own: "no" } })]);
    const [record] = publisher.records;
    assert.equal(record?.topic, NAMES.admitted);
    assert.equal(record?.key, "r1");
    assert.ok(record?.value?.toString().endsWith(`"request":${text}}`));
    const { "sluice-carried-at": at, ...headers } = record?.headers ?? {};
    assert.equal(record?.value?.toString("utf8", Number(at)).slice(0, -1), text);
    assert.deepEqual(headers, {
      traceparent: "t",
      "sluice-reply-to": "g",
      "sluice-origin": "llm.requests 0 0 1000",
      "sluice-tenant": "demo",
    });
  });

  test("says whose work it is and when it is late, whatever its writer says", async () => {
    const { publisher, handle } = setUp();
    const deadline = "2100-01-01T00:00:00Z";
    await handle([inRecord({ tenant: "demo", deadline, body }, { headers: { "sluice-tenant": "other" } })]);
    const headers = publisher.records[0]?.headers ?? {};
    assert.equal(headers["sluice-tenant"], "demo");
    assert.equal(headers["sluice-deadline-ms"], String(Date.parse(deadline)));
  });

  test("says itself where a request stands and what is behind it, whatever its writer says", async () => {
    const { publisher, handle } = setUp();
    const headers = { "sluice-origin": "llm.requests 9 9 9", "sluice-round": "2", "sluice-due-ms": "99" };
    await handle([
      inRecord({ tenant: "demo", body }, { partition: 3, offset: 5, headers }),
      inRecord({ tenant: "demo", id: "r2", body: {} }, { partition: 3, offset: 6, headers }),
    ]);
    const [admitted, refused] = publisher.records;
    assert.equal(admitted?.key, "llm.requests-3-5");
    for (const [record, offset] of [
      [admitted, 5],
      [refused, 6],
    ] as const) {
      assert.equal(record?.headers?.["sluice-origin"], `llm.requests 3 ${offset} 1000`);
      assert.deepEqual([record?.headers?.["sluice-round"], record?.headers?.["sluice-due-ms"]], [undefined, undefined]);
    }
  });

  test("gives each record of a batch its own fate", async () => {
    const { publisher, counts, handle } = setUp();
    const good = { tenant: "demo", id: "r1", body };
    await handle([
      inRecord(good, { offset: 0 }),
      inRecord("[1]", { offset: 1 }),
      inRecord(good, { offset: 2 }),
      inRecord({ ...good, user: "other" }, { offset: 3 }),
      inRecord({ ...good, id: "r2", tenant: "who" }, { offset: 4 }),
      inRecord({ ...good, id: "r3", deadline: "1970-01-01T00:00:00Z" }, { offset: 5 }),
      inRecord(null, { offset: 6 }),
      inRecord("{", { offset: 7 }),
    ]);
    const fates = [
      "admitted",
      "dead_letter",
      "repeated",
      "dead_letter",
      "rejected",
      "expired",
      "dead_letter",
      "dead_letter",
    ];
    assert.deepEqual(counts, fates);
    assert.equal(publisher.values(NAMES.admitted).length, 1);
    assert.deepEqual(
      publisher.values(NAMES.outcomes).map(({ id, status }) => [id, status]),
      [
        ["r2", "rejected"],
        ["r3", "expired"],
      ],
    );
    const letters = publisher.records.filter(({ topic }) => topic === NAMES.dlq);
    assert.deepEqual(
      letters.map(({ headers }) => [headers?.["kafka_dlt-original-offset"], headers?.["sluice-error-code"]]),
      [
        ["1", "not_json"],
        ["3", "id_conflict"],
        ["6", "value_missing"],
        ["7", "not_json"],
      ],
    );
  });

  for (const value of ["null", "[]", "7", '"x"']) {
    test(`${value} in our own wire format is a dead letter, not a bug`, async () => {
      const { publisher, handle } = setUp();
      const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from(value)]);
      await handle([inRecord(framed), inRecord({ tenant: "demo", id: "r1", body }, { offset: 1 })]);
      const [letter, good] = publisher.records;
      assert.equal(letter?.headers?.["sluice-error-code"], "not_json");
      assert.deepEqual(letter?.value, framed);
      assert.equal(good?.topic, NAMES.admitted);
    });
  }

  test("a redelivered record causes the same again: what it caused may be missing", async () => {
    const { publisher, handle } = setUp();
    const record = inRecord({ tenant: "demo", id: "r1", body });
    await handle([record]);
    await handle([record]);
    assert.equal(publisher.values(NAMES.admitted).length, 2);
  });

  test("the batch lane's topic leads to the batch lane", async () => {
    const { publisher, handle } = setUp();
    await handle([inRecord({ tenant: "demo", id: "r1", body }, { topic: NAMES.batch(NAMES.requests) })]);
    assert.equal(publisher.records[0]?.topic, NAMES.batch(NAMES.admitted));
  });

  test("fails as a whole, retryably, while Redis or Kafka is away: nothing is half done", async () => {
    const record = inRecord({ tenant: "demo", id: "r1", body });
    const away = async (): Promise<never> => {
      throw unavailable("redis", new Error("gone"));
    };
    const first = setUp({ seen: { check: away } });
    await assert.rejects(first.handle([record]), { code: "dependency_unavailable", retryable: true });
    assert.deepEqual([first.publisher.records, first.counts], [[], []]);
    const publisher: Publisher = { publish: away };
    await assert.rejects(setUp({ publisher }).handle([record]), { retryable: true });
  });
});
