/** Ingest on ports in memory: what a batch causes, and when. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unavailable } from "../../../libs/shared/errors.ts";
import { START_MS } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, NAMES } from "../../support/memory-ports.ts";
import { BODY as body, setUp } from "./ingest-fixture.ts";

describe("ingest", () => {
  test("admits a request with its bytes as they came, and passes its headers on", async () => {
    const { out, handle } = await setUp();
    const text = `{ "tenant":"demo",  "id":"r1", "body":${JSON.stringify(body)} }`;
    await handle([
      inRecord(text, {
        headers: {
          traceparent: "t",
          "sluice-reply-to": "g",
          "sluice-trail": "llm.x 1 2 3 4",
          "sluice-attempts": "x",
          own: "no",
        },
      }),
    ]);
    const [record] = out();
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
      "sluice-trail": `llm.requests 0 0 ${START_MS} ${START_MS - 1_000}`,
    });
  });

  test("says whose work it is and when it is late, whatever its writer says", async () => {
    const { out, handle } = await setUp();
    const deadline = "2100-01-01T00:00:00Z";
    await handle([inRecord({ tenant: "demo", deadline, body }, { headers: { "sluice-tenant": "other" } })]);
    const headers = out()[0]?.headers ?? {};
    assert.equal(headers["sluice-tenant"], "demo");
    assert.equal(headers["sluice-deadline-ms"], String(Date.parse(deadline)));
  });

  test("says itself where a request stands and what is behind it, whatever its writer says", async () => {
    const { out, handle } = await setUp();
    const headers = { "sluice-origin": "llm.requests 9 9 9", "sluice-round": "2", "sluice-due-ms": "99" };
    await handle([
      inRecord({ tenant: "demo", body }, { partition: 3, offset: 5, headers }),
      inRecord({ tenant: "demo", id: "r2", body: {} }, { partition: 3, offset: 6, headers }),
    ]);
    const [admitted, refused] = out();
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
    const { told, admitted, outcomes, log, out, handle } = await setUp();
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
    assert.deepEqual(told.fates, fates);
    assert.equal(admitted().length, 1);
    assert.deepEqual(
      log.values(NAMES.usage).map(({ id }) => id),
      ["r1"],
      "nothing is held for what is not admitted",
    );
    assert.deepEqual(
      outcomes().map(({ id, status }) => [id, status]),
      [
        ["r2", "rejected"],
        ["r3", "expired"],
      ],
    );
    const letters = out().filter(({ topic }) => topic === NAMES.dlq);
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
      const { out, handle } = await setUp();
      const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from(value)]);
      await handle([inRecord(framed), inRecord({ tenant: "demo", id: "r1", body }, { offset: 1 })]);
      const [letter, good] = out();
      assert.equal(letter?.headers?.["sluice-error-code"], "not_json");
      assert.deepEqual(letter?.value, framed);
      assert.equal(good?.topic, NAMES.admitted);
    });
  }

  test("a redelivered record causes the same again, with the same hold: what it caused may be missing", async () => {
    const { admitted, ledger, told, handle } = await setUp();
    const record = inRecord({ tenant: "demo", id: "r1", body });
    await handle([record]);
    await handle([record]);
    const [one, other] = admitted();
    assert.deepEqual(one?.reservation, other?.reservation);
    assert.equal(admitted().length, 2);
    const [entry, again] = ledger();
    assert.deepEqual(entry, again, "written again, since the first may be missing: the first one counts");
    assert.deepEqual(told.fates, ["admitted", "admitted"]);
  });

  test("the batch lane's topic leads to the batch lane", async () => {
    const { out, handle } = await setUp();
    await handle([inRecord({ tenant: "demo", id: "r1", body }, { topic: NAMES.batch(NAMES.requests) })]);
    assert.equal(out()[0]?.topic, NAMES.batch(NAMES.admitted));
  });

  test("fails as a whole, retryably, while Redis or Kafka is away: nothing is half done", async () => {
    const record = inRecord({ tenant: "demo", id: "r1", body });
    const away = async (): Promise<never> => {
      throw unavailable("redis", new Error("gone"));
    };
    const first = await setUp({ storeOver: () => ({ reserve: away }) });
    await assert.rejects(first.handle([record]), { code: "dependency_unavailable", retryable: true });
    assert.deepEqual([first.log.records, first.told.fates], [[], []]);
    const second = await setUp({ publisherOver: () => ({ publish: away }) });
    await assert.rejects(second.handle([record]), { retryable: true });
    assert.deepEqual(second.told.fates, []);
  });
});
