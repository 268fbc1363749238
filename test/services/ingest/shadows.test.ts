/** Runs of the pipeline's own come in: by their header, within their budget, and never as anybody else's. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Shadow } from "../../../libs/shared/events/shadow.ts";
import { shadowRequest } from "../../../libs/shared/events/shadow-requests.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { inRecord, jsonCodec, NAMES } from "../../support/memory-ports.ts";
import { BODY, setUp } from "./ingest-fixture.ts";

const SHADOW: Shadow = { kind: "tier", name: "try", tenant: "demo", id: "r1" };
const TENANT = "sluice.shadow.try";
const routing = { shadows: { try: { to: "large", share: 1, budget_day_usd: 1 } } };

/** As inference publishes it. */
function runOf(id = "r1"): InRecord {
  const request = Buffer.from(JSON.stringify({ tenant: "demo", body: BODY }));
  const shadow = { ...SHADOW, id };
  const head = { max_output_tokens: 100 };
  const out = shadowRequest({ codec: jsonCodec, names: NAMES }, shadow, "large", { head, request, headers: {} });
  return inRecord(out?.value ?? null, { topic: NAMES.batch(NAMES.requests), headers: out?.headers ?? {} });
}

const published = (values: { topic: string; value: Buffer | null }[], topic: string) =>
  values.filter((one) => one.topic === topic).map(({ value }) => JSON.parse(value?.toString() ?? "null"));

describe("a run", () => {
  test("is admitted on the batch lane, with what it is for in its head and on its record", async () => {
    const { out, handle } = await setUp({ routing });
    await handle([runOf()]);
    const [record] = out();
    assert.equal(record?.topic, NAMES.batch(NAMES.admitted));
    const { tenant, tier, shadow, cache, reservation } = JSON.parse(record?.value?.toString() ?? "null");
    assert.deepEqual([tenant, tier, shadow, cache], [TENANT, "large", SHADOW, { mode: "bypass" }]);
    assert.ok(reservation.reserved_nusd > 0, "its own budget holds for it (I4)");
    assert.deepEqual(JSON.parse(record?.headers?.["sluice-shadow"] ?? "null"), SHADOW);
  });

  test("is refused beyond its budget, with an outcome that says what it was for", async () => {
    const spent = { shadows: { try: { ...routing.shadows.try, budget_day_usd: 0 } } };
    const { out, handle } = await setUp({ routing: spent });
    await handle([runOf()]);
    const [outcome] = published(out(), NAMES.outcomes);
    assert.deepEqual([outcome.status, outcome.error.code, outcome.shadow], ["rejected", "budget_exceeded", SHADOW]);
  });

  test("of a shadow that the settings do not have any more is refused, and still nobody's Result", async () => {
    const { out, handle } = await setUp();
    await handle([runOf()]);
    const [outcome] = published(out(), NAMES.outcomes);
    assert.deepEqual([outcome.error.code, outcome.shadow], ["tenant_unknown", SHADOW]);
  });

  test("needs no principal: it is written past any proxy; a client that names the tenant does", async () => {
    const admission = { principals: { header: "principal", bind: { "User:a": ["demo"] } } };
    const { out, handle } = await setUp({ routing, admission });
    const run = runOf("r2");
    await handle([runOf(), { ...run, offset: 1, headers: { ...run.headers, principal: "User:a" } }]);
    assert.equal(out()[0]?.topic, NAMES.batch(NAMES.admitted));
    const [outcome] = published(out(), NAMES.outcomes);
    assert.equal(outcome.error.code, "principal_not_allowed");
  });
});

describe("a tenant of the pipeline", () => {
  test("has nothing but runs", async () => {
    const { out, handle } = await setUp({ routing });
    await handle([inRecord({ tenant: TENANT, id: "x", body: BODY })]);
    const [outcome] = published(out(), NAMES.outcomes);
    assert.deepEqual([outcome.status, outcome.error.code, outcome.shadow], ["rejected", "tenant_unknown", undefined]);
    assert.match(outcome.error.message, /the pipeline's own/);
  });

  test("takes no other tenant's name: the header counts for nothing there", async () => {
    const { out, handle } = await setUp({ routing });
    await handle([
      inRecord({ tenant: "demo", id: "x", body: BODY }, { headers: { "sluice-shadow": JSON.stringify(SHADOW) } }),
    ]);
    const [record] = out();
    assert.equal(record?.topic, NAMES.admitted);
    assert.equal(JSON.parse(record?.value?.toString() ?? "null").shadow, undefined);
    assert.equal(record?.headers?.["sluice-shadow"], undefined);
  });

  test("has what the settings give it, whatever a record says", async () => {
    const { out, handle, book } = await setUp();
    book.apply({ tenant: TENANT, record: { kind: "tenant", tenant: TENANT, plan: "default", updated_ms: 1 } });
    await handle([runOf()]);
    assert.equal(published(out(), NAMES.outcomes)[0].error.code, "tenant_unknown");
  });
});
