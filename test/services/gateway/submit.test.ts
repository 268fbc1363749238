/** From an HTTP body to a request on the topic. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Request } from "../../../libs/shared/events/request.ts";
import { requestRecord, shapeBody, shapeRequest } from "../../../services/gateway/submit.ts";
import { jsonCodec, NAMES } from "../../support/memory-ports.ts";

const body = { messages: [{ role: "user" as const, content: "hi" }] };
const DEMO = { tenant: "demo" };
const deep = (levels: number): unknown => (levels === 0 ? [] : [deep(levels - 1)]);
const problemOf = (shaped: ReturnType<typeof shapeRequest>): string =>
  shaped.ok ? "none" : `${shaped.problem.param}|${shaped.problem.message}`;

describe("the native envelope", () => {
  test("belongs to the key's tenant and has an id", () => {
    const named = shapeRequest({ id: "r1", tenant: "demo", body }, DEMO);
    assert.deepEqual(named, { ok: true, request: { id: "r1", tenant: "demo", body } });
    const nameless = shapeRequest({ body }, DEMO);
    assert.ok(nameless.ok);
    assert.match(nameless.request.id ?? "", /^req_[0-9a-f-]{36}$/);
    assert.equal(nameless.request.tenant, "demo");
  });

  test("has the idempotency key of its header, or of its own", () => {
    const keyed = (input: object, idempotency_key?: string) => {
      const shaped = shapeRequest({ body, ...input }, { tenant: "demo", idempotency_key });
      return shaped.ok ? shaped.request.idempotency_key : shaped.problem.param;
    };
    assert.equal(keyed({}, "k"), "k");
    assert.equal(keyed({ idempotency_key: "k" }), "k");
    assert.equal(keyed({ idempotency_key: "k" }, "k"), "k");
    assert.equal(keyed({}), undefined);
    for (const [input, header] of [
      [{ idempotency_key: "a" }, "b"],
      [{ idempotency_key: null }, "b"],
      [{}, ""],
    ] as const) {
      assert.equal(keyed(input, header), "idempotency_key");
    }
    assert.equal(keyed({}, "x".repeat(257)), "idempotency_key");
  });

  const rows: readonly (readonly [what: string, input: unknown, problem: RegExp])[] = [
    ["nothing", undefined, /^\|.*JSON object/],
    ["null", null, /^\|.*JSON object/],
    ["an array", [], /^\|.*JSON object/],
    ["a text", "x", /^\|.*JSON object/],
    ["another tenant", { tenant: "other", body }, /^tenant\|.*"demo"/],
    ["a tenant that is no name", { tenant: 5, body }, /^tenant\|/],
    ["no body", {}, /^body\|/],
    ["an unknown field", { body, x: 1 }, /^\|unknown field "x"/],
    ["a bad lane", { body, lane: "x" }, /^lane\|/],
    ["too many levels", { body: { ...body, x: deep(200) } }, /^\|.*levels/],
    ["ever so many levels", { body: deep(5_000) }, /^\|.*levels/],
  ];
  for (const [what, input, problem] of rows) {
    test(`is refused for ${what}`, () => assert.match(problemOf(shapeRequest(input, DEMO)), problem));
  }
});

describe("a body of OpenAI's", () => {
  test("is put into an envelope, with its user", () => {
    const shaped = shapeBody("chat", { ...body, user: "u".repeat(300) }, DEMO);
    assert.ok(shaped.ok);
    assert.equal(shaped.request.user?.length, 256);
    assert.equal(shaped.request.tenant, "demo");
  });

  test("has the idempotency key of its header", () => {
    const shaped = shapeBody("embeddings", { input: "x" }, { tenant: "demo", idempotency_key: "k" });
    assert.equal(shaped.ok && shaped.request.idempotency_key, "k");
    for (const idempotency_key of ["", "x".repeat(257)]) {
      assert.match(problemOf(shapeBody("chat", body, { tenant: "demo", idempotency_key })), /^Idempotency-Key\|/);
    }
  });

  const rows: readonly (readonly [kind: "chat" | "embeddings", input: unknown, param: string])[] = [
    ["chat", { messages: [{ role: "x" }] }, "messages[0].role"],
    ["chat", { input: "x" }, "messages"],
    ["chat", null, ""],
    ["chat", { ...body, temperature: 3 }, "temperature"],
    ["chat", { ...body, x: deep(127) }, ""],
    ["embeddings", body, "input"],
    ["embeddings", { input: "" }, "input"],
    ["embeddings", { input: [[1, -1]] }, "input[0][1]"],
  ];
  for (const [kind, input, param] of rows) {
    test(`names ${param || "the whole"} by its own path (${kind})`, () => {
      assert.equal(problemOf(shapeBody(kind, input, DEMO)).split("|")[0], param);
    });
  }
});

describe("the record", () => {
  const deps = { codec: jsonCodec, names: NAMES };
  const request: Request = { id: "r1", tenant: "demo", body };
  const ENVELOPE = { reply_to: undefined, key_id: "k1", trace: {} };

  test("is keyed by session, else id, and says whose it is and who waits", () => {
    const record = requestRecord(deps, request, { ...ENVELOPE, reply_to: "gateway-1", trace: { traceparent: "t" } });
    assert.deepEqual([record.topic, record.key], [NAMES.requests, "r1"]);
    assert.deepEqual(record.headers, {
      ...{ traceparent: "t", "sluice-tenant": "demo", "sluice-key-id": "k1", "sluice-reply-to": "gateway-1" },
    });
    assert.deepEqual(JSON.parse(record.value?.toString() ?? ""), request);
    assert.equal(requestRecord(deps, { ...request, session: "s" }, ENVELOPE).key, "s");
    assert.deepEqual(requestRecord(deps, request, ENVELOPE).headers, {
      ...{ "sluice-tenant": "demo", "sluice-key-id": "k1" },
    });
  });

  test("of the batch lane goes to its topic", () => {
    assert.equal(requestRecord(deps, { ...request, lane: "batch" }, ENVELOPE).topic, NAMES.batch(NAMES.requests));
  });
});
