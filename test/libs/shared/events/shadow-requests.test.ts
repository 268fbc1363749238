/** Runs of the pipeline's own. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requestSchema } from "../../../../libs/shared/events/request.ts";
import type { Shadow } from "../../../../libs/shared/events/shadow.ts";
import { isSampled, shadowOf, shadowRequest } from "../../../../libs/shared/events/shadow-requests.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";

const writer = { codec: jsonCodec, names: NAMES };
const tier: Shadow = { kind: "tier", name: "try-large", tenant: "demo", id: "r1" };
const check: Shadow = { kind: "cache_check", name: "cache", tenant: "demo", id: "r1", entry_id: "e", probability: 0.9 };
const BODY = { model: "auto", messages: [{ role: "user", content: "hi" }], stream: true, stream_options: {}, seed: 7 };
const request = Buffer.from(JSON.stringify({ tenant: "demo", id: "r1", body: BODY, callback: { url: "https://a.b" } }));
const original = {
  head: {},
  request,
  headers: { traceparent: "t", "sluice-reply-to": "gateway-1", "sluice-key-id": "k" },
};

describe("the request of a run", () => {
  const record = shadowRequest(writer, tier, "large", original);
  const value = JSON.parse(record?.value?.toString() ?? "null");

  test("is one that ingest takes: the same body, unstreamed, of the other tier, past the cache, for no caller", () => {
    assert.deepEqual(requestSchema.parse(value), value);
    const { id, ...rest } = value;
    assert.deepEqual(rest, {
      tenant: "sluice.shadow.try-large",
      body: { messages: BODY.messages, seed: 7 },
      tier: "large",
      lane: "batch",
      cache: { mode: "bypass" },
      on_limit: "reject",
    });
    assert.deepEqual([record?.topic, record?.key], ["llm.requests.batch", id]);
    assert.deepEqual(Object.keys(record?.headers ?? {}).sort(), ["sluice-shadow", "sluice-tenant", "traceparent"]);
  });

  test("says what it is for, to its own tenant alone", () => {
    const headers = record?.headers ?? {};
    assert.deepEqual(shadowOf(headers, "sluice.shadow.try-large"), tier);
    for (const tenant of ["demo", "sluice.cache-check", "sluice.shadow.other"]) {
      assert.equal(shadowOf(headers, tenant), undefined, tenant);
    }
    assert.equal(shadowOf({}, "sluice.shadow.try-large"), undefined);
    assert.equal(shadowOf({ "sluice-shadow": "{" }, "sluice.shadow.try-large"), undefined);
    assert.equal(shadowOf({ "sluice-shadow": '{"kind":"tier"}' }, "sluice.shadow.try-large"), undefined);
  });

  test("has the same id again, and another one for another run of the same request", () => {
    const idOf = (shadow: Shadow): string | undefined =>
      shadowRequest(writer, shadow, "large", original)?.key?.toString();
    assert.equal(idOf(tier), value.id);
    const others = [{ ...tier, name: "b" }, { ...tier, tenant: "acme" }, { ...tier, id: "r2" }, check];
    assert.equal(new Set([tier, ...others].map(idOf)).size, 5);
  });

  test("of a check belongs to the checks' tenant, and keeps the bound on the answer", () => {
    const bounded = shadowRequest(writer, check, "small", { ...original, head: { max_output_tokens: 50 } });
    const { tenant, limits } = JSON.parse(bounded?.value?.toString() ?? "null");
    assert.deepEqual([tenant, limits], ["sluice.cache-check", { max_output_tokens: 50 }]);
  });

  test("is none where the original cannot be read", () => {
    for (const text of ["{", "null", "[]", '{"body":null}']) {
      assert.equal(shadowRequest(writer, tier, "large", { ...original, request: Buffer.from(text) }), undefined);
    }
  });
});

describe("a sample", () => {
  const ids = Array.from({ length: 5_000 }, (_, index) => ({ name: "try", tenant: "demo", id: `r${index}` }));

  test("is the same each time, about the share, and part of a larger one", () => {
    const [tenth, half] = [ids.filter((one) => isSampled(one, 0.1)), ids.filter((one) => isSampled(one, 0.5))];
    assert.ok(Math.abs(tenth.length / ids.length - 0.1) < 0.02);
    assert.ok(tenth.every((one) => half.includes(one)));
    assert.deepEqual(
      ids.filter((one) => isSampled(one, 0.1)),
      tenth,
    );
    assert.ok(ids.every((one) => isSampled(one, 1) && !isSampled(one, 0)));
  });

  test("differs from shadow to shadow", () => {
    const [one, other] = ["a", "b"].map((name) => ids.filter(({ id }) => isSampled({ name, tenant: "demo", id }, 0.1)));
    assert.notDeepEqual(one, other);
  });
});
