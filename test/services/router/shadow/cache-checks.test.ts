/** Which answers by meaning are asked for real. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdmittedHead } from "../../../../libs/shared/events/flow.ts";
import { shadowOf } from "../../../../libs/shared/events/shadow-requests.ts";
import type { CacheHit } from "../../../../services/router/cache/contract.ts";
import { cacheCheck } from "../../../../services/router/shadow/cache-checks.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";

const head: AdmittedHead = {
  ...{ id: "r1", tenant: "demo", content_hash: "h", kind: "chat", lane: "interactive", timing: {} },
};
const answer = {
  ...{ entry_id: "e1", created_ms: 1, expires_ms: 2, tier: "small", model: "m", cost_usd: 1 },
  response: Buffer.from("{}"),
};
const hit: CacheHit = { kind: "hit", how: "semantic", answer, similarity: 0.9, probability: 0.95 };
const request = Buffer.from('{"tenant":"demo","body":{"messages":[]}}');
const check = (of: Partial<AdmittedHead> = {}, more: Partial<CacheHit> = {}, sample_ratio = 1) =>
  cacheCheck({ codec: jsonCodec, names: NAMES }, { sample_ratio }, { ...head, ...of }, request, { ...hit, ...more });

describe("an answer by meaning", () => {
  test("is asked for real, of the tier whose answer was given, with what is known of the hit", () => {
    const record = check();
    const { tenant, tier } = JSON.parse(record?.value?.toString() ?? "null");
    assert.deepEqual([tenant, tier], ["sluice.cache-check", "small"]);
    assert.deepEqual(shadowOf(record?.headers ?? {}, tenant), {
      ...{ kind: "cache_check", name: "cache", tenant: "demo", id: "r1", entry_id: "e1", probability: 0.95 },
    });
  });

  test("is not where it is outside of the sample, exact, shared, or of the pipeline itself", () => {
    assert.equal(check({}, {}, 0), undefined);
    assert.equal(check({}, { how: "exact" }), undefined);
    assert.equal(check({}, { how: "coalesced" }), undefined);
    assert.equal(check({ tenant: "sluice.cache-check" }), undefined);
    assert.equal(check({ kind: "embeddings" }), undefined);
  });
});
