/** What becomes of a request, by its fields, its place and the time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import { admit } from "../../../services/ingest/admission.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const arrival = { topic: "llm.requests", partition: 3, offset: 42, timestamp_ms: NOW_MS - 10 };
const context = {
  now_ms: NOW_MS,
  knowsTenant: (tenant: string) => tenant === "demo",
  lane: "interactive",
  reentry: false,
} as const;
const body = { messages: [{ role: "user", content: "hi" }] };
const request = (more: object = {}): Record<string, unknown> => ({ tenant: "demo", id: "r1", body, ...more });

function admitted(json: Record<string, unknown>, lane: "interactive" | "batch" = "interactive") {
  const admission = admit(json, arrival, { ...context, lane });
  assert.equal(admission.kind, "admit", JSON.stringify(admission));
  return admission as Extract<typeof admission, { kind: "admit" }>;
}

function refused(json: Record<string, unknown>) {
  const admission = admit(json, arrival, context);
  assert.equal(admission.kind, "refuse");
  return admission as Extract<typeof admission, { kind: "refuse" }>;
}

describe("a good request", () => {
  test("keeps what it says", () => {
    const more = {
      session: "s",
      user: "u",
      tier: "large",
      metadata: { a: "b" },
      deadline: "2026-03-01T13:00:00+00:00",
      limits: { max_output_tokens: 9 },
      cache: { mode: "no-store", threshold: 0.9 },
    };
    const { head, identity } = admitted(request({ ...more, body: { ...body, model: "auto" } }));
    const { content_hash, timing, ...rest } = head;
    assert.equal(content_hash, identity.content_hash);
    assert.deepEqual(timing, { received: arrival.timestamp_ms, admitted: NOW_MS });
    assert.deepEqual(rest, {
      id: "r1",
      tenant: "demo",
      kind: "chat",
      lane: "interactive",
      session: "s",
      user: "u",
      tier: "large",
      model: "auto",
      deadline_ms: NOW_MS + 3_600_000,
      max_output_tokens: 9,
      metadata: { a: "b" },
      cache: { mode: "no-store", threshold: 0.9 },
    });
  });

  test("is keyed by its session, else its id", () => {
    assert.equal(admitted(request()).identity.key, "r1");
    assert.equal(admitted(request({ session: "s" })).identity.key, "s");
  });

  test("gets an id from its place, so that a redelivery keeps it", () => {
    const { id: _, ...nameless } = request();
    assert.equal(admitted(nameless).identity.id, "llm.requests-3-42");
    assert.match(admitted(nameless).identity.id, ID_PATTERN);
  });

  test("has the lane of its topic unless it says otherwise", () => {
    assert.equal(admitted(request(), "batch").head.lane, "batch");
    assert.equal(admitted(request({ lane: "interactive" }), "batch").head.lane, "interactive");
    assert.equal(admitted(request({ lane: "batch" })).head.lane, "batch");
  });

  test("with input is an embeddings request", () => {
    assert.equal(admitted(request({ body: { input: "text" } })).head.kind, "embeddings");
  });

  test("has one hash whatever the order of its fields", () => {
    const reversed = Object.fromEntries(Object.entries(request()).reverse());
    assert.equal(admitted(reversed).identity.content_hash, admitted(request()).identity.content_hash);
    const other = request({ body: { messages: [{ role: "user", content: "ho" }] } });
    assert.notEqual(admitted(other).identity.content_hash, admitted(request()).identity.content_hash);
  });
});

describe("a request that is refused", () => {
  const deep = (levels: number): unknown => (levels === 0 ? [] : [deep(levels - 1)]);
  const rows: readonly (readonly [
    what: string,
    json: Record<string, unknown>,
    code: string,
    param: string | undefined,
  ])[] = [
    ["no body", { tenant: "demo", id: "r1" }, "invalid_request", "body"],
    ["a body that is no object", request({ body: [] }), "invalid_request", "body"],
    ["neither messages nor input", request({ body: {} }), "invalid_request", "body"],
    ["both messages and input", request({ body: { ...body, input: "x" } }), "invalid_request", "body"],
    ["no messages", request({ body: { messages: [] } }), "invalid_request", "body.messages"],
    ["a wrong role", request({ body: { messages: [{ role: "x" }] } }), "invalid_request", "body.messages[0].role"],
    ["an unknown field", request({ prio: 1 }), "invalid_request", ""],
    ["an unknown field within one", request({ cache: { ttl: 1 } }), "invalid_request", "cache"],
    ["an unknown lane", request({ lane: "fast" }), "invalid_request", "lane"],
    ["a bad id", request({ id: "a b" }), "invalid_request", "id"],
    ["an id that is too long", request({ id: "a".repeat(201) }), "invalid_request", "id"],
    ["17 pairs of metadata", request({ metadata: pairs(17) }), "invalid_request", "metadata"],
    ["a negative limit", request({ limits: { max_cost_usd: -1 } }), "invalid_request", "limits.max_cost_usd"],
    ["a deadline that is no time", request({ deadline: "noon" }), "invalid_request", "deadline"],
    ["a callback to a file", request({ callback: { url: "file:///x" } }), "invalid_request", "callback.url"],
    ["a threshold above one", request({ cache: { threshold: 2 } }), "invalid_request", "cache.threshold"],
    ["an empty input", request({ body: { input: [] } }), "invalid_request", "body.input"],
    ["a body that nests too deep", request({ body: { ...body, x: deep(127) } }), "invalid_request", ""],
    ["a tenant that nests too deep", request({ tenant: deep(5_000) }), "invalid_request", ""],
    ["an unknown tenant", request({ tenant: "who" }), "tenant_unknown", "tenant"],
    ["a deadline that has passed", request({ deadline: "2026-03-01T11:59:59Z" }), "deadline_exceeded", "deadline"],
  ];
  for (const [what, json, code, param] of rows) {
    test(`for ${what}`, () => {
      const { error, status } = refused(json);
      assert.deepEqual([error.code, error.param], [code, param], error.message);
      assert.equal(status, code === "deadline_exceeded" ? "expired" : "rejected");
      assert.ok(error.message.length > 0 && error.message.length < 300);
    });
  }

  test("at 128 levels is still taken", () => {
    assert.equal(admitted(request({ body: { ...body, x: deep(125) } })).kind, "admit");
  });

  test("belongs to its tenant where it names one, else to nobody", () => {
    assert.deepEqual(identityOf(request({ prio: 1 })), ["demo", "r1"]);
    assert.deepEqual(identityOf({ tenant: "demo", id: " ", body }), ["demo", "llm.requests-3-42"]);
    assert.deepEqual(identityOf({ tenant: "../x", id: "r1", body }), ["_unknown", "llm.requests-3-42"]);
    assert.deepEqual(identityOf({ id: "r1", body }), ["_unknown", "llm.requests-3-42"]);
  });

  test("one that comes back is late by the time it comes back, not by its arrival", () => {
    const late = request({ deadline: new Date(NOW_MS).toISOString() });
    assert.equal(admitted(late).kind, "admit");
    const again = admit(late, arrival, { ...context, reentry: true });
    assert.ok(again.kind === "refuse");
    assert.deepEqual([again.status, again.error.code], ["expired", "deadline_exceeded"]);
  });

  test("keeps metadata, user and callback of an expired one", () => {
    const callback = { url: "https://example.com/done" };
    const { told } = refused(
      request({ deadline: "2020-01-01T00:00:00Z", metadata: { a: "b" }, user: "ann", callback }),
    );
    assert.deepEqual(told, { metadata: { a: "b" }, user: "ann", callback_url: callback.url });
  });

  test("never throws, and always has a usable id, whatever it is", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (noise, tenant) => {
        const { identity } = admit({ ...noise, tenant }, arrival, context);
        assert.match(identity.id, ID_PATTERN);
        assert.match(identity.content_hash, /^[0-9a-f]{64}$/);
        assert.ok(identity.key.length > 0 && identity.key.length <= 256);
      }),
    );
  });

  function identityOf(json: Record<string, unknown>): [string, string] {
    const { identity } = refused(json);
    return [identity.tenant, identity.id];
  }
});

function pairs(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));
}
