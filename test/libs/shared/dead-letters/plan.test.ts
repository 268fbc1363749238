/** What redriving a dead letter does, by where it stood and what has become of its request. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { letterOf } from "../../../../libs/shared/dead-letters/letter.ts";
import { planRedrive, type RedrivePolicy, redriveId, redriveRunId } from "../../../../libs/shared/dead-letters/plan.ts";
import { whoseIs } from "../../../../libs/shared/dead-letters/whose.ts";
import type { ResultStatus } from "../../../../libs/shared/events/fields.ts";
import { ID_PATTERN } from "../../../../libs/shared/events/fields.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";
import { letterRecord } from "../../../support/dead-letters.ts";
import { hopRecord, inRecord, jsonCodec, NAMES } from "../../../support/memory-ports.ts";

const POLICY: RedrivePolicy = { redrives_max: 3, force: false, headers: "travelling", retry_delay: "5s" };
const REDRIVE = "redrive-20260131-00000001";
const REQUEST = {
  tenant: "demo",
  id: "a",
  body: { messages: [] },
  deadline: "2026-01-31T00:00:00Z",
  lane: "interactive",
};
const HEAD = { id: "a", tenant: "demo", content_hash: "h", lane: "interactive" };
const HEADERS = {
  traceparent: "t",
  "sluice-origin": "llm.requests 2 7 900",
  "sluice-reply-to": "gateway-1",
  "sluice-job": "job-1",
  "sluice-due-ms": "12",
  "sluice-round": "1",
  "x-mine": "kept?",
};
const job = (more: object = {}, headers: Record<string, string> = {}): InRecord =>
  hopRecord({ ...HEAD, ...more }, "request", Buffer.from(JSON.stringify(REQUEST)), {
    ...{ topic: NAMES.jobs("small"), partition: 1, offset: 4, headers: { ...HEADERS, ...headers } },
  });
const request = (value: object | string, topic = NAMES.requests): InRecord =>
  inRecord(value, { topic, partition: 2, offset: 7, timestamp_ms: 900, headers: HEADERS });

async function plan(
  source: InRecord,
  ended?: ResultStatus,
  policy: Partial<RedrivePolicy> = {},
  code = "provider_error",
) {
  const letter = letterOf(letterRecord(source, code));
  const whose = await whoseIs(jsonCodec, NAMES, letter);
  const deps = { codec: jsonCodec, names: NAMES };
  return planRedrive(deps, { ...POLICY, ...policy }, { letter, whose, ended, redrive: REDRIVE });
}
const sent = async (...given: Parameters<typeof plan>) => {
  const planned = await plan(...given);
  assert.notEqual(planned.kind, "left", JSON.stringify(planned));
  return planned as Exclude<typeof planned, { kind: "left" }>;
};
const leftAs = async (...given: Parameters<typeof plan>) => {
  const planned = await plan(...given);
  return planned.kind === "left" ? planned.fate : planned.kind;
};

describe("a redrive", () => {
  test("of a request enters it again from its first place, whether it can be read or not", async () => {
    for (const value of [REQUEST, { tenant: "demo", body: {} }, "junk"]) {
      const { record, target } = await sent(request(value), undefined, {}, "schema_unknown");
      assert.equal(target, NAMES.retry("5s"));
      const { headers = {} } = record;
      assert.equal(headers["sluice-origin"], "llm.requests 2 7 900");
      assert.deepEqual([headers["sluice-round"], headers["sluice-due-ms"]], [undefined, undefined]);
      assert.equal(record.value?.toString(), typeof value === "string" ? value : JSON.stringify(value));
    }
  });

  test("of a request that names no origin of its own takes its place, whatever a writer put in the headers", async () => {
    const forged = { ...request({ tenant: "demo", body: {} }), headers: { "sluice-origin": "llm.requests 0 1 1" } };
    const { record } = await sent(forged);
    assert.equal(record.headers?.["sluice-origin"], "llm.requests 2 7 900");
  });

  test("of a job without a Result sends it on with what travels, and to nobody who waits", async () => {
    const { record, target } = await sent(job());
    assert.equal(target, NAMES.jobs("small"));
    const { "sluice-carried-at": carried, ...headers } = record.headers ?? {};
    assert.ok(carried);
    assert.deepEqual(headers, {
      traceparent: "t",
      "sluice-origin": "llm.requests 2 7 900",
      "sluice-job": "job-1",
      "sluice-round": "1",
      "sluice-redrives": "1",
    });
  });

  test("takes along all headers but the dead letter's, or those that are named", async () => {
    const all = await sent(job(), undefined, { headers: "all" });
    assert.equal(all.record.headers?.["x-mine"], "kept?");
    assert.equal(all.record.headers?.["sluice-error-code"], undefined);
    assert.equal(all.record.headers?.["kafka_dlt-original-topic"], undefined);
    const named = await sent(job(), undefined, { headers: ["x-mine"] });
    const { "sluice-carried-at": _, ...headers } = named.record.headers ?? {};
    assert.deepEqual(headers, { "x-mine": "kept?", "sluice-origin": "llm.requests 2 7 900", "sluice-redrives": "1" });
  });

  test("of a job whose request has failed runs it once more, as a request of its own", async () => {
    const run = await sent(job(), "failed");
    assert.ok(run.kind === "run");
    assert.deepEqual([run.id, run.of, run.target], ["a.redrive1", "a", NAMES.batch(NAMES.requests)]);
    assert.deepEqual(JSON.parse(run.record.value?.toString() ?? ""), {
      tenant: "demo",
      id: "a.redrive1",
      body: { messages: [] },
    });
    assert.deepEqual(run.record.headers, {
      traceparent: "t",
      "sluice-tenant": "demo",
      "sluice-redrives": "1",
      "sluice-replay": JSON.stringify({ id: REDRIVE, mode: "redrive", of: "a" }),
    });
  });

  test("of a run that has failed too is one more run of the first request", async () => {
    const again = job(
      { id: "a.redrive1", replay: { id: "redrive-20260130-0", mode: "redrive", of: "a" } },
      { "sluice-redrives": "1" },
    );
    const run = await sent(again, "expired");
    assert.ok(run.kind === "run");
    assert.deepEqual([run.id, run.of], ["a.redrive2", "a"]);
  });

  test("is the same request however often it is planned", async () => {
    assert.deepEqual(await sent(job(), "failed"), await sent(job(), "failed"));
  });

  test("leaves what has ended well, what is another's, and what came back too often", async () => {
    for (const status of ["succeeded", "rejected", "cancelled"] as const) {
      assert.equal(await leftAs(job(), status), "already_ended");
    }
    assert.equal(await leftAs(request(REQUEST), "failed", {}, "id_conflict"), "already_ended");
    const looped = job({}, { "sluice-redrives": "3" });
    assert.equal(await leftAs(looped), "looped");
    assert.equal(await leftAs(looped, undefined, { force: true }), "back");
    assert.equal(await leftAs(job({ tenant: "sluice.shadow.x" }), "failed"), "already_ended");
  });

  test("goes back to where it may: outcomes and the ledger, never Results", async () => {
    const outcome = inRecord({ id: "a" }, { topic: NAMES.outcomes });
    assert.equal((await sent(outcome, "failed")).target, NAMES.outcomes);
    assert.equal((await sent(inRecord("junk", { topic: NAMES.usage }))).target, NAMES.usage);
    assert.equal(await leftAs(inRecord({ id: "a" }, { topic: NAMES.results })), "impossible");
    const strange = letterOf({ ...request("junk"), topic: NAMES.dlq });
    const facts = { letter: strange, whose: undefined, ended: undefined, redrive: REDRIVE };
    assert.equal(planRedrive({ codec: jsonCodec, names: NAMES }, POLICY, facts).kind, "left");
  });

  test("of what waited on a retry topic is due at once, and keeps its rounds and its place", async () => {
    const { record, target } = await sent(request(REQUEST, NAMES.retry("1m")));
    assert.equal(target, NAMES.retry("1m"));
    assert.equal(record.headers?.["sluice-due-ms"], undefined);
    assert.equal(record.headers?.["sluice-round"], "1");
  });

  test("says who sends, where principals are bound to tenants", async () => {
    const principals = { header: "x-principal", bind: { app: ["demo"], other: ["other"] } };
    const run = await sent(job(), "failed", { principals });
    assert.equal(run.record.headers?.["x-principal"], "app");
    // Whoever wrote to llm.requests without a name gets none by way of a dead letter.
    const first = await sent(request(REQUEST), undefined, { principals });
    assert.equal(first.record.headers?.["x-principal"], undefined);
    const forged = { ...HEADERS, "sluice-tenant": "demo" };
    const stranger = await sent({ ...request(REQUEST), headers: forged }, "failed", { principals });
    assert.equal(stranger.record.headers?.["x-principal"], undefined);
    const back = await sent({ ...request(REQUEST), headers: forged }, undefined, { principals });
    assert.equal(back.record.headers?.["sluice-tenant"], undefined);
  });

  test("of what waited says that it was let in, and of what was entered again unasked does not", async () => {
    const principals = { header: "x-principal", bind: { app: ["demo"] } };
    const waited = (headers: Record<string, string>) => ({
      ...request(REQUEST, NAMES.retry("1m")),
      headers: { ...HEADERS, ...headers },
    });
    const let_in = { "sluice-tenant": "demo" };
    const back = await sent(waited(let_in), undefined, { principals, headers: ["x-mine"] });
    assert.equal(back.record.headers?.["sluice-tenant"], "demo");
    const run = await sent(waited(let_in), "failed", { principals });
    assert.equal(run.record.headers?.["x-principal"], "app");
    for (const ended of [undefined, "failed"] as const) {
      const unasked = await sent(waited({}), ended, { principals });
      assert.equal(unasked.record.headers?.["x-principal"], undefined);
    }
  });
});

test("ids of runs fit, and stay apart", () => {
  const long = "x".repeat(200);
  assert.match(redriveRunId(long, 1), ID_PATTERN);
  assert.notEqual(redriveRunId(long, 1), redriveRunId(`${"x".repeat(199)}y`, 1));
  assert.equal(redriveId(Date.UTC(2026, 0, 31), Buffer.from("01020304", "hex")), "redrive-20260131-01020304");
});
