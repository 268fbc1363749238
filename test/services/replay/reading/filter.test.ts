/** What a selection takes, and which of several records of a request is the one that counted. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ROUND_HEADER } from "../../../../libs/shared/events/headers.ts";
import { hasEnded, isTheOne, isWanted } from "../../../../services/replay/reading/filter.ts";
import type { Identified } from "../../../../services/replay/reading/identity.ts";
import { inRecord } from "../../../support/memory-ports.ts";

const topic = "llm.requests";

function identified(more: Partial<Identified> = {}): Identified {
  const source = inRecord({}, { topic, partition: 1, offset: 7 });
  return {
    ...{ source, kind: "requests", tenant: "demo", id: "r1", key: null, received_ms: 1, headers: {}, internal: false },
    origin: { topic, partition: 1, offset: 7, timestamp_ms: 1 },
    ...more,
  };
}

describe("a selection", () => {
  test("of everything leaves out what is nobody's, unless its tenant is named", () => {
    const probe = identified({ tenant: "sluice.cache-check", internal: true });
    assert.equal(isWanted({ topic }, undefined, identified()), true);
    assert.equal(isWanted({ topic }, undefined, probe), false);
    assert.equal(isWanted({ topic, tenant: "sluice.cache-check" }, undefined, probe), true);
    assert.equal(isWanted({ topic, tenant: "other" }, undefined, identified()), false);
  });

  test("by ids and labels takes what has all of them", () => {
    const one = identified({ metadata: { app: "x", team: "y" } });
    assert.equal(isWanted({ topic, label: { app: "x", team: "y" } }, new Set(["r1"]), one), true);
    assert.equal(isWanted({ topic, label: { app: "x", team: "z" } }, undefined, one), false);
    assert.equal(isWanted({ topic, label: { constructor: "x" } }, undefined, one), false);
    assert.equal(isWanted({ topic }, new Set(["r2"]), one), false);
  });

  test("by how it ended takes nothing of which no end is known", () => {
    const route = { tier: "small", model: "m", reason: "r", cache: "miss", attempts: 1 } as const;
    const ended = { status: "failed", route, error: { code: "provider_error", type: "t", message: "m" } } as const;
    assert.equal(hasEnded({ topic, status: ["failed", "expired"], tier: ["small"], model: ["m"] }, ended), true);
    assert.equal(hasEnded({ topic, status: ["succeeded"] }, ended), false);
    assert.equal(hasEnded({ topic, error_code: ["provider_error"] }, ended), true);
    assert.equal(hasEnded({ topic, tier: ["large"] }, ended), false);
    assert.equal(hasEnded({ topic, status: ["failed"] }, undefined), false);
    assert.equal(hasEnded({ topic, status: [] }, undefined), true);
  });
});

describe("the record that counted", () => {
  const claim = {
    tenant: "demo",
    id: "r1",
    content_hash: "h",
    topic: "llm.outcomes",
    partition: 0,
    offset: 3,
    day: "d",
  };

  test("is the request that was answered", () => {
    assert.equal(isTheOne(identified(), claim, `${topic} 1 7 1`), true);
    assert.equal(isTheOne(identified(), claim, `${topic} 1 6 1`), false, "it was sent again");
    assert.equal(isTheOne(identified(), claim, null), true, "nobody knows");
    assert.equal(isTheOne(identified(), undefined, undefined), true);
  });

  test("is the first of a request's rounds", () => {
    const round = (count: string): Identified => identified({ kind: "job", headers: { [ROUND_HEADER]: count } });
    assert.equal(isTheOne(round("0"), claim, `${topic} 1 7 1`), true);
    assert.equal(isTheOne(round("2"), claim, `${topic} 1 7 1`), false);
    assert.equal(isTheOne(identified({ kind: "admitted" }), undefined, undefined), true);
  });

  test("is the outcome that was claimed", () => {
    const outcome = (offset: number): Identified =>
      identified({ kind: "outcome", source: inRecord({}, { topic: "llm.outcomes", partition: 0, offset }) });
    assert.equal(isTheOne(outcome(3), claim, null), true);
    assert.equal(isTheOne(outcome(4), claim, null), false);
    assert.equal(isTheOne(outcome(4), undefined, null), true, "none is claimed yet");
  });
});
