import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Route } from "../../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import type { CacheHit } from "../../../services/router/cache/contract.ts";
import {
  createRouterHandler,
  type LookedUp,
  type RouterDeps,
  type RouterEnd,
} from "../../../services/router/handler.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { hopRecord, inRecord, jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const RESERVATION = { hold_id: "h-1", reserved_nusd: 5, tokens: 7, counters: [], at_ms: 1 };
const HEADERS = { "sluice-reply-to": "gateway-1", "sluice-tenant": "demo", "sluice-ratelimit": "r=10,9,100" };
const TRAIL = { "sluice-trail": `${NAMES.admitted} 0 0 ${START_MS} ${START_MS - 1_000}` };
const REQUEST = Buffer.from('{"tenant":"demo","body":{"messages":[{"role":"user","content":"hello"}]}}');
const HEAD: AdmittedHead = {
  ...{ id: "r1", tenant: "demo", content_hash: "h", kind: "chat", lane: "interactive", timing: { received: 1 } },
};
const ROUTE: Route = { tier: "small", model: "small-1", reason: "default tier", cache: "miss", attempts: 0 };
const HIT: CacheHit = {
  kind: "hit",
  how: "semantic",
  similarity: 0.91,
  probability: 0.99,
  answer: {
    ...{ entry_id: "e1", created_ms: 1, expires_ms: 2, tier: "small", model: "small-1", cost_usd: 0.1 },
    response: Buffer.from('{"choices":[1]}'),
  },
  evidence: { candidates: [{ entry: "e1", similarity: 0.91, probability: 0.99 }], threshold: 0.9 },
};
const MISS: LookedUp = {
  kind: "miss",
  fill: { entry_id: "e2", namespace: "n", ttl_ms: 10, store: true },
  vector: new Float32Array(2),
};

function routerOf(
  looked: LookedUp,
  more: Partial<AdmittedHead>,
  deps: Partial<RouterDeps> & Pick<RouterDeps, "publisher">,
  headers: Record<string, string> = {},
) {
  const handler = createRouterHandler({
    codec: jsonCodec,
    clock: new VirtualClock(),
    names: NAMES,
    dead_letters: { service: "router", group: "sluice.router", topic: NAMES.dlq },
    settings: { request_bytes_max: 1_000 },
    lookUp: async () => looked,
    choose: async () => ({ kind: "routed", route: ROUTE }),
    check: () => undefined,
    ended: () => undefined,
    ...deps,
  });
  const in_topic = { topic: NAMES.admitted, headers: { ...HEADERS, ...headers } };
  return { handler, record: hopRecord({ ...HEAD, ...more }, "request", REQUEST, in_topic) };
}

async function route(looked: LookedUp, more: Partial<AdmittedHead> = {}, deps: Partial<RouterDeps> = {}) {
  const publisher = new MemoryPublisher();
  const ends: RouterEnd[] = [];
  const { handler, record } = routerOf(looked, more, { publisher, ended: (end) => ends.push(end), ...deps });
  await handler([record], { isAssigned: () => true, stopping: new AbortController().signal });
  return { publisher, ends };
}

describe("the router", () => {
  test("a miss becomes a job, with what is held, where its answer goes, and whose limits have what room", async () => {
    const { publisher, ends } = await route(MISS, { reservation: RESERVATION });
    const [job] = publisher.values(NAMES.jobs("small"));
    assert.deepEqual(job?.["reservation"], RESERVATION);
    assert.deepEqual(job?.["fill"], MISS.kind === "miss" ? MISS.fill : undefined);
    assert.equal((job?.["route"] as Route | undefined)?.cache, "miss");
    const { "sluice-carried-at": _, ...headers } = publisher.records[0]?.headers ?? {};
    assert.deepEqual(headers, { ...HEADERS, ...TRAIL });
    assert.deepEqual(ends, [{ cache: "miss", tier: "small" }]);
  });

  test("the tier is chosen by the vector that the cache made", async () => {
    let vector: unknown;
    await route(
      MISS,
      {},
      {
        choose: async (ask) => {
          vector = ask.vector;
          return { kind: "routed", route: ROUTE };
        },
      },
    );
    assert.equal(vector, MISS.kind === "miss" ? MISS.vector : undefined);
  });

  test("a hit ends the request: the answer, its evidence, and nothing used", async () => {
    const { publisher, ends } = await route(HIT, { reservation: RESERVATION });
    assert.equal(publisher.records.length, 1);
    const [outcome] = publisher.values(NAMES.outcomes);
    const { status, usage, response, reservation, route: taken } = outcome as Record<string, Record<string, unknown>>;
    assert.equal(status as unknown, "succeeded");
    assert.equal(usage?.["cost_usd"], 0);
    assert.deepEqual(response, { choices: [1] });
    assert.deepEqual(reservation, RESERVATION);
    assert.deepEqual([taken?.["cache"], taken?.["cache_entry"], taken?.["attempts"]], ["semantic", "e1", 0]);
    assert.deepEqual(taken?.["decision"], { by: "cache", cache: HIT.evidence });
    assert.deepEqual(ends, [{ cache: "semantic" }]);
  });

  test("a hit tells of calls of earlier rounds, so that what was held for them is not given back", async () => {
    const publisher = new MemoryPublisher();
    const { record, handler } = routerOf(
      HIT,
      { reservation: RESERVATION },
      { publisher },
      { "sluice-unknown-calls": "2" },
    );
    await handler([record], { isAssigned: () => true, stopping: new AbortController().signal });
    assert.equal(publisher.values(NAMES.outcomes)[0]?.["unknown_calls"], 2);
  });

  test("a hit that is looked at starts a run of its own beside the outcome", async () => {
    const run = { topic: "t", key: null, value: Buffer.from("{}"), headers: {} };
    const { publisher } = await route(HIT, {}, { check: () => run });
    assert.equal(publisher.records[1], run);
  });

  test("mode only: what is not in the cache is refused", async () => {
    for (const looked of [MISS, { kind: "bypass", why: "it is too long" }] as const) {
      const { publisher } = await route(looked, { cache: { mode: "only" }, reservation: RESERVATION });
      const [outcome] = publisher.values(NAMES.outcomes);
      const { error, reservation } = outcome as { error: { code: string; param: string }; reservation: object };
      assert.deepEqual([error.code, error.param, reservation], ["cache_miss", "cache.mode", RESERVATION]);
    }
  });

  test("refuses with what is held, so that it is given back", async () => {
    const error = { code: "model_unknown", type: "invalid_request_error", message: "m" };
    const choose = async () => ({ kind: "refused", error }) as const;
    const { publisher } = await route(MISS, { reservation: RESERVATION }, { choose });
    const [outcome] = publisher.values(NAMES.outcomes);
    const { error: told, reservation } = outcome as { error: { code: string }; reservation: object };
    assert.deepEqual([told.code, reservation], ["model_unknown", RESERVATION]);
    assert.deepEqual(publisher.records[0]?.headers, { ...HEADERS, ...TRAIL });
  });

  test("a request that is too long to be read is looked up and routed by its size alone", async () => {
    const seen: unknown[] = [];
    const lookUp: RouterDeps["lookUp"] = async (_head, read) => {
      seen.push(read.body, read.facts);
      return { kind: "bypass", why: "it is too long" };
    };
    const { ends } = await route(MISS, {}, { lookUp, settings: { request_bytes_max: 10 } });
    assert.deepEqual(seen, [undefined, undefined]);
    assert.deepEqual(ends, [{ cache: "bypass", tier: "small" }]);
  });

  test("what nobody can read is a dead letter", async () => {
    const publisher = new MemoryPublisher();
    const clock = new VirtualClock();
    const deps = {
      codec: jsonCodec,
      publisher,
      clock,
      dead_letters: { service: "router", group: "g", topic: NAMES.dlq },
    };
    const handler = createRouterHandler({ ...deps } as unknown as RouterDeps);
    const stopping = new AbortController().signal;
    await handler([inRecord("{"), inRecord({ ...HEAD })], { isAssigned: () => true, stopping });
    const codes = publisher.records.map(({ headers }) => headers?.["sluice-error-code"]);
    assert.deepEqual(codes, ["not_json", "event_invalid"]);
  });
});
