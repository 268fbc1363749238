/** The router on ports in memory: jobs, refusals, and what is held for a request. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routingSchema } from "../../../libs/shared/config/routing.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { createRouterHandler } from "../../../services/router/handler.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, hopRecord, jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const REQUEST = Buffer.from('{"tenant":"demo","body":{"messages":[]}}');
const RESERVATION = {
  ...{ hold_id: "h1", reserved_nusd: 9, tokens: 5, at_ms: 1 },
  counters: [{ scope: "tenant_day" as const, subject: "", window: "2026-11-21" }],
};
const HEADERS = { "sluice-reply-to": "gateway-1", "sluice-key-id": "k1", "sluice-ratelimit": "r=9,8,7" };

async function route(more: Partial<AdmittedHead>) {
  const publisher = new MemoryPublisher();
  const handler = createRouterHandler({
    codec: jsonCodec,
    publisher,
    clock: new VirtualClock(),
    names: NAMES,
    dead_letters: DEAD_LETTERS,
    table: {
      tiers: { small: { kind: "chat", models: ["small-1"] } },
      routing: routingSchema.parse({ default_tier: "small", embeddings_tier: "small" }),
    },
  });
  const head: AdmittedHead = {
    ...{ id: "r1", tenant: "demo", content_hash: "h", kind: "chat", lane: "interactive", timing: {} },
    ...more,
  };
  const record = hopRecord(head, "request", REQUEST, { topic: NAMES.admitted, headers: HEADERS });
  await handler([record], { isAssigned: () => true, stopping: new AbortController().signal });
  return publisher;
}

describe("the router", () => {
  test("passes on what is held, and whose limits have what room", async () => {
    const { records, values } = await route({ reservation: RESERVATION }).then((publisher) => ({
      records: publisher.records,
      values: publisher.values(NAMES.jobs("small")),
    }));
    assert.deepEqual(values[0]?.["reservation"], RESERVATION);
    const { "sluice-carried-at": _, ...headers } = records[0]?.headers ?? {};
    assert.deepEqual(headers, HEADERS);
  });

  test("refuses with what is held, so that it is given back", async () => {
    const publisher = await route({ model: "huge", reservation: RESERVATION });
    const [outcome] = publisher.values(NAMES.outcomes);
    const { error, reservation } = outcome as { error: { code: string }; reservation: object };
    assert.deepEqual([error.code, reservation], ["model_unknown", RESERVATION]);
    assert.deepEqual(publisher.records[0]?.headers, HEADERS);
  });

  test("holds nothing by itself", async () => {
    const publisher = await route({ model: "huge" });
    assert.equal("reservation" in (publisher.values(NAMES.outcomes)[0] ?? {}), false);
  });
});
