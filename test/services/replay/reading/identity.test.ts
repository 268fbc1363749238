/** Each topic's records say in their own way whose they are. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deadLetter } from "../../../../libs/shared/events/dead-letters.ts";
import { ORIGIN_HEADER, REPLAY_HEADER } from "../../../../libs/shared/events/headers.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";
import { identify } from "../../../../services/replay/reading/identity.ts";
import { kindOf, replayableKind } from "../../../../services/replay/reading/topics.ts";
import { DEAD_LETTERS, hopRecord, inRecord, jsonCodec, NAMES } from "../../../support/memory-ports.ts";

const deps = { codec: jsonCodec, names: NAMES };
const BODY = { messages: [{ role: "user", content: "Hi" }] };
const ORIGIN = { [ORIGIN_HEADER]: "llm.requests 2 77 1234" };
const HEAD = { id: "r1", tenant: "demo", content_hash: "h", kind: "chat", lane: "interactive" };
const ROUTE = { tier: "small", model: "m", reason: "r", cache: "miss", attempts: 1 };

describe("a request's record", () => {
  test("tells tenant, id and session; without an id its place is one", async () => {
    const request = { tenant: "demo", id: "r1", session: "s", body: BODY, metadata: { app: "x" } };
    const found = await identify(deps, inRecord(request));
    assert.deepEqual([found?.tenant, found?.id, found?.key?.toString()], ["demo", "r1", "s"]);
    assert.deepEqual([found?.metadata, found?.received_ms, found?.internal], [{ app: "x" }, 1_000, false]);
    assert.deepEqual(JSON.parse(found?.request?.toString() ?? ""), request);

    const nameless = await identify(deps, inRecord({ tenant: "demo", body: BODY }, { partition: 3, offset: 9 }));
    assert.equal(nameless?.id, "llm.requests-3-9");
    assert.equal(nameless?.key?.toString(), "llm.requests-3-9");
    assert.equal((await identify(deps, inRecord({ tenant: "no one!", id: "r1" })))?.tenant, "_unknown");
  });

  test("that is no object is unreadable", async () => {
    for (const value of ["[1]", "7", "{", null]) assert.equal(await identify(deps, inRecord(value)), undefined);
  });

  test("of the pipeline itself, or of a replay, is marked", async () => {
    assert.equal((await identify(deps, inRecord({ tenant: "sluice.cache-check", id: "a" })))?.internal, true);
    const headers = { [REPLAY_HEADER]: JSON.stringify({ id: "rep", mode: "stage" }) };
    assert.equal((await identify(deps, inRecord({ tenant: "demo", id: "a" }, { headers })))?.internal, true);
  });
});

describe("records between services", () => {
  const carried = Buffer.from(JSON.stringify({ tenant: "demo", id: "r1", body: BODY }));

  test("tell by their heads, and carry the request", async () => {
    const head = { ...HEAD, timing: { received: 42 }, metadata: { app: "x" } };
    const admitted = hopRecord(head, "request", carried, { topic: NAMES.batch(NAMES.admitted), headers: ORIGIN });
    const job = hopRecord({ ...head, route: ROUTE }, "request", carried, {
      topic: NAMES.jobs("small"),
      headers: ORIGIN,
    });
    for (const record of [admitted, job]) {
      const found = await identify(deps, record);
      assert.deepEqual([found?.tenant, found?.id, found?.received_ms], ["demo", "r1", 42]);
      assert.deepEqual(found?.request, carried);
      assert.deepEqual(found?.origin, { topic: "llm.requests", partition: 2, offset: 77, timestamp_ms: 1_234 });
    }
    assert.equal(await identify(deps, inRecord({ id: "r1" }, { topic: NAMES.admitted })), undefined);
  });

  test("tell how it ended; what a replay made counts as its own on its topic alone", async () => {
    const ended = { id: "r1", tenant: "demo", content_hash: "h", status: "failed", timing: {} };
    const outcome = await identify(deps, inRecord(ended, { topic: NAMES.outcomes, headers: ORIGIN }));
    assert.equal(outcome?.ended?.head.status, "failed");
    assert.equal(outcome?.received_ms, 1_234, "as its origin says");
    const marked = { ...ended, replay: { id: "rep", mode: "reuse" } };
    assert.equal((await identify(deps, inRecord(marked, { topic: NAMES.outcomes })))?.internal, true);
    assert.equal((await identify(deps, inRecord(marked, { topic: NAMES.replay("rep") })))?.internal, false);
    assert.equal((await identify(deps, inRecord(ended, { topic: NAMES.results })))?.kind, "result");
  });
});

describe("a dead letter", () => {
  const letterOf = (record: InRecord): InRecord => {
    const { value, headers } = deadLetter(DEAD_LETTERS, record, "not_json", "it is none");
    return inRecord(value, { topic: NAMES.dlq, partition: 5, offset: 6, headers: headers ?? {} });
  };

  test("is read as what it was", async () => {
    const request = inRecord(
      { tenant: "demo", body: BODY },
      { partition: 3, offset: 9, headers: { traceparent: "t" } },
    );
    const found = await identify(deps, letterOf(request));
    assert.deepEqual([found?.kind, found?.id], ["dead_letter", "llm.requests-3-9"]);
    assert.deepEqual(found?.headers, { traceparent: "t" });
    assert.deepEqual([found?.source.topic, found?.source.offset], [NAMES.dlq, 6], "and stays where it is");
    const waiting = inRecord({ tenant: "demo", body: BODY }, { topic: NAMES.retry("5s"), headers: ORIGIN });
    assert.equal((await identify(deps, letterOf(waiting)))?.id, "llm.requests-2-77");
  });

  test("that nobody can read, or of no topic of ours, is unreadable", async () => {
    assert.equal(await identify(deps, letterOf(inRecord("no JSON"))), undefined);
    assert.equal(await identify(deps, letterOf(inRecord({ tenant: "demo" }, { topic: "other" }))), undefined);
    assert.equal(await identify(deps, inRecord({ tenant: "demo" }, { topic: NAMES.dlq })), undefined);
  });
});

test("topics that cannot be replayed are refused with those that can", () => {
  assert.equal(kindOf(NAMES, "llm.jobs.small.batch"), "job");
  assert.equal(kindOf(NAMES, "llm.results.replay.abc"), "result");
  assert.equal(kindOf(NAMES, "llm.jobs."), undefined);
  for (const topic of [NAMES.usage, NAMES.deferred, NAMES.retry("5s"), "llm.outcomes.batch", "x"]) {
    assert.throws(() => replayableKind(NAMES, ["small"], topic), { code: "usage", fix: /llm\.jobs\.small\.batch/ });
  }
});
