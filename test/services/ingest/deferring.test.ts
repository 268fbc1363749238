/** Requests that wait for room: on their topic as they came, told to their views, and let in when they come back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { enteredAgain } from "../../../libs/shared/events/entered-again.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { START_MS } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, NAMES } from "../../support/memory-ports.ts";
import { BODY, type SetUp, setUp } from "./ingest-fixture.ts";

/** May cost 0.0016 dollars and little more in the smallest tier. */
const body = { ...BODY, max_tokens: 1_000 };
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A request of its own place. */
function request(offset: number, more: object = {}, headers: Record<string, string> = {}): InRecord {
  return inRecord({ tenant: "demo", id: `r${offset}`, body, ...more }, { offset, headers, timestamp_ms: START_MS });
}

describe("a refused request that may wait", () => {
  const plan: SetUp["plan"] = { limits: { tenant: { requests_per_minute: 1 } } };
  const admission: SetUp["admission"] = { deferred: { wait_ms_max: 2 * DAY_MS } };

  test("goes to llm.deferred as it came, with its origin and when it is due; its view is told", async () => {
    const { handle, out, ledger, told } = await setUp({ plan });
    const text = `{ "tenant":"demo",  "on_limit":"defer", "session":"s1", "deadline":"2026-01-02T00:00:00Z", "body":${JSON.stringify(body)} }`;
    const headers = { traceparent: "t", "sluice-key-id": "k1", "sluice-round": "3", "sluice-due-ms": "5", own: "no" };
    await handle([request(0), inRecord(text, { partition: 3, offset: 42, timestamp_ms: START_MS - 5, headers })]);
    assert.deepEqual(told.fates, ["admitted", "deferred"]);
    const deferred = out().at(-1);
    assert.deepEqual([deferred?.topic, deferred?.key], [NAMES.deferred, "s1"]);
    assert.equal(deferred?.value?.toString(), text);
    const { "sluice-due-ms": due, ...rest } = deferred?.headers ?? {};
    const due_ms = Number(due);
    assert.ok(due_ms >= START_MS + MINUTE_MS && due_ms <= START_MS + MINUTE_MS + 1_000, due);
    assert.deepEqual(rest, {
      traceparent: "t",
      "sluice-key-id": "k1",
      "sluice-origin": `${NAMES.requests} 3 42 ${START_MS - 5}`,
      "sluice-tenant": "demo",
      "sluice-deadline-ms": String(START_MS + DAY_MS),
      "sluice-trail": `${NAMES.requests} 3 42 ${START_MS} 5 deferred:rate_requests:tenant`,
    });
    assert.deepEqual(told.views, [{ tenant: "demo", id: "llm.requests-3-42", until_ms: due_ms }]);
    assert.equal(ledger().length, 1, "nothing is held for it meanwhile");
  });

  test("was let in under its sender's name, which does not travel: it is not asked for again", async () => {
    const principals = { header: "x-principal", bind: { "User:a": ["demo"] } };
    const { handle, enter, later, out, told } = await setUp({ plan, admission: { ...admission, principals } });
    const sent = (offset: number) => request(offset, { on_limit: "defer" }, { "x-principal": "User:a" });
    await handle([sent(0), sent(1)]);
    const { headers = {}, value = null } = out().at(-1) ?? assert.fail("nothing deferred");
    await later(Number(headers["sluice-due-ms"]) - START_MS);
    await enter([inRecord(value, { topic: NAMES.deferred, headers })]);
    assert.deepEqual(told.fates, ["admitted", "deferred", "admitted"]);
  });

  test("that nobody let in is asked for its sender, whatever it says of itself", async () => {
    const principals = { header: "x-principal", bind: { "User:a": ["demo"] } };
    const { handle, enter, told, outcomes } = await setUp({ admission: { principals } });
    const forged = request(0, {}, { "sluice-tenant": "demo", "sluice-origin": `${NAMES.requests} 0 7 ${START_MS}` });
    await handle([forged]);
    // As a dead letter's redrive and a stage of ingest enter it again.
    const again = enteredAgain(NAMES.retry("5s"), forged, forged);
    await enter([inRecord(forged.value, { topic: again.topic, headers: again.headers ?? {}, offset: 1 })]);
    const other = request(2, { tenant: "demo" }, { "sluice-tenant": "another" });
    await enter([other]);
    assert.deepEqual(told.fates, ["rejected", "rejected", "rejected"]);
    assert.deepEqual(new Set(outcomes().map(({ error }) => error.code)), new Set(["principal_not_allowed"]));
    const named = request(3, {}, { "x-principal": "User:a" });
    const { headers = {} } = enteredAgain(NAMES.retry("5s"), named, named);
    await enter([inRecord(named.value, { headers, offset: 3 })]);
    assert.equal(told.fates.at(-1), "admitted");
  });

  test("is let in when it comes back, as the original would have been", async () => {
    const { handle, enter, later, out, admitted, ledger, told } = await setUp({ plan });
    const record = inRecord(
      { tenant: "demo", on_limit: "defer", body },
      { partition: 3, offset: 42, timestamp_ms: START_MS },
    );
    await handle([request(0), record]);
    const { headers = {}, value = null, key } = out().at(-1) ?? assert.fail("nothing deferred");
    await later(Number(headers["sluice-due-ms"]) - START_MS);
    await enter([
      inRecord(value, { topic: NAMES.deferred, partition: 1, offset: 9, headers, key: Buffer.from(String(key)) }),
    ]);
    assert.deepEqual(told.fates, ["admitted", "deferred", "admitted"]);
    const again = admitted()[1];
    assert.equal(again?.id, "llm.requests-3-42");
    assert.deepEqual(again?.timing, { received: START_MS, admitted: Number(headers["sluice-due-ms"]) });
    assert.equal(ledger().at(-1)?.place, `${NAMES.requests} 3 42`);
    assert.equal(out().at(-1)?.headers?.["sluice-due-ms"], undefined);
    await handle([record]);
    assert.deepEqual(
      admitted()[2]?.reservation,
      again?.reservation,
      "its first record, delivered again, is the same request",
    );
  });

  test("waits on where there is still no room", async () => {
    const { handle, enter, later, out, told, admitted } = await setUp({ plan });
    await handle([request(0), request(1, { on_limit: "defer" })]);
    const { headers = {}, value = null } = out().at(-1) ?? assert.fail("nothing deferred");
    await later(2 * MINUTE_MS);
    await handle([request(2)]);
    await enter([inRecord(value, { topic: NAMES.deferred, headers })]);
    assert.deepEqual(told.fates, ["admitted", "deferred", "admitted", "deferred"]);
    assert.equal(admitted().length, 2);
    const [first, second] = told.views;
    assert.ok(first !== undefined && second !== undefined && second.until_ms >= first.until_ms + MINUTE_MS);
    assert.equal(out().at(-1)?.headers?.["sluice-origin"], headers["sluice-origin"]);
  });

  test("refused for good, it stays so when its record comes again, and the ledger hears that it has ended", async () => {
    const { handle, enter, later, out, told, ledger, store } = await setUp({ plan });
    const deadline = new Date(START_MS + 2 * MINUTE_MS).toISOString();
    await handle([request(0), request(1, { on_limit: "defer", deadline })]);
    const { headers = {}, value = null } = out().at(-1) ?? assert.fail("nothing deferred");
    await later(Number(headers["sluice-due-ms"]) - START_MS);
    await handle([request(2)]);
    const again = inRecord(value, { topic: NAMES.deferred, headers });
    await enter([again]);
    await later(MINUTE_MS - 1_000);
    await enter([again]);
    assert.deepEqual(told.fates, ["admitted", "deferred", "admitted", "rejected", "rejected"]);
    const end = ledger().at(-1) ?? assert.fail("the ledger is empty");
    assert.deepEqual([end.kind, end.id, end.hold_id, end.counters], ["released", "r1", "none", []]);
    await store.apply([{ partition: 0, offset: "0", entry: end, caps_nusd: {} }]);
    const copy = { ...headers, "sluice-due-ms": String(Number(headers["sluice-due-ms"]) + 1) };
    await enter([inRecord(value, { topic: NAMES.deferred, headers: copy })]);
    assert.equal(told.fates.at(-1), "repeated", "a copy that waited beside it");
  });

  const rows: readonly (readonly [what: string, fate: string, more: object, topic: string])[] = [
    ["of the batch lane waits", "deferred", {}, NAMES.batch(NAMES.requests)],
    ["of the batch lane that asks not to does not", "rejected", { on_limit: "reject" }, NAMES.batch(NAMES.requests)],
    ["of the interactive lane does not", "rejected", {}, NAMES.requests],
    [
      "whose deadline comes first does not",
      "rejected",
      { on_limit: "defer", deadline: new Date(START_MS + 30_000).toISOString() },
      NAMES.requests,
    ],
  ];
  for (const [what, fate, more, topic] of rows) {
    test(`one ${what}`, async () => {
      const { handle, told } = await setUp({ plan });
      await handle([request(0), { ...request(1, more), topic }]);
      assert.deepEqual([told.fates, told.views.length], [["admitted", fate], fate === "deferred" ? 1 : 0]);
    });
  }

  test("a day's budget is waited for to its end; one that it can never fit is not", async () => {
    const setting = { plan: { budgets: { tenant_day_usd: 0.002 } }, admission };
    const { handle, told } = await setUp(setting);
    const defers = { on_limit: "defer" };
    await handle([request(0), request(1, defers), request(2, { ...defers, body: { ...body, max_tokens: 2_000 } })]);
    assert.deepEqual(told.fates, ["admitted", "deferred", "rejected"]);
    assert.equal(told.views[0]?.until_ms, START_MS + DAY_MS);
  });
});
