/** A wrong answer from the cache is reported over HTTP. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Fastify from "fastify";
import type { Result } from "../../../libs/shared/events/flow.ts";
import type { JobView } from "../../../libs/shared/redis/job-views.ts";
import { report } from "../../../services/gateway/reporting.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

type Cache = "semantic" | "exact" | "miss";

const resultOf = (cache: Cache): Result => ({
  ...{ id: "r1", tenant: "demo", status: "succeeded", timing: {} },
  route: {
    tier: "small",
    model: "m",
    reason: "",
    cache,
    ...(cache === "miss" ? {} : { cache_entry: "e1" }),
    attempts: 0,
  },
});
const viewOf = (cache: Cache): JobView => ({
  ...{ status: "succeeded", updated_ms: 1 },
  result: JSON.stringify(resultOf(cache)),
});

async function post(view: JobView | undefined, payload: object = { wrong_cache_hit: true }) {
  const publisher = new MemoryPublisher();
  const app = Fastify();
  const deps = { codec: jsonCodec, names: NAMES, publisher, clock: new VirtualClock() };
  app.post("/", (http, reply) =>
    report(deps, { tenant: "demo", key_id: "k1", scopes: ["submit"] }, "r1", http.body, view, reply),
  );
  const reply = await app.inject({ method: "POST", url: "/", payload });
  return { status: reply.statusCode, json: reply.json(), publisher };
}

describe("a report", () => {
  test("of an answer from the cache is taken, and told to every router", async () => {
    const { status, json, publisher } = await post(viewOf("exact"));
    assert.deepEqual([status, json], [202, { id: "r1", object: "report", cache_entry: "e1", threshold_learns: false }]);
    assert.deepEqual(
      publisher.values(NAMES.control).map(({ selector, by, at_ms }) => [selector, by, at_ms]),
      [[{ tenant: "demo", entry_id: "e1" }, "k1", START_MS]],
    );
  });

  const table: readonly (readonly [what: string, JobView | undefined, object, number, string])[] = [
    ["of an answer of a model's own", viewOf("miss"), { wrong_cache_hit: true }, 409, "not_from_cache"],
    [
      "before there is an answer",
      { status: "running", updated_ms: 1 },
      { wrong_cache_hit: true },
      409,
      "result_pending",
    ],
    ["of what is not known", undefined, { wrong_cache_hit: true }, 404, "not_found"],
    ["that says nothing", viewOf("exact"), {}, 400, "invalid_request"],
    ["that says no", viewOf("exact"), { wrong_cache_hit: false }, 400, "invalid_request"],
    ["that says more than is known", viewOf("exact"), { wrong_cache_hit: true, why: "x" }, 400, "invalid_request"],
  ];
  for (const [what, view, payload, status, code] of table) {
    test(`${what}: ${status} ${code}, and nothing is told`, async () => {
      const reply = await post(view, payload);
      assert.deepEqual([reply.status, reply.json.error.code], [status, code]);
      assert.deepEqual(reply.publisher.records, []);
    });
  }
});
