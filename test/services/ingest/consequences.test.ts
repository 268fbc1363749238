/** What follows from the counters' answers: who is let through and how, who is refused in which words, who is a repeat. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countersOf } from "../../../libs/shared/budgets/scopes.ts";
import type { planSchema } from "../../../libs/shared/config/plans.ts";
import { decodeRateRoom } from "../../../libs/shared/events/rate-room.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { START_MS } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord, NAMES } from "../../support/memory-ports.ts";
import { BODY, type SetUp, setUp } from "./ingest-fixture.ts";

/** May cost 0.0016 dollars and little more in the smallest tier. */
const body = { ...BODY, max_tokens: 1_000 };
const MINUTE_MS = 60_000;

/** A request of its own place. */
function request(offset: number, more: object = {}, headers: Record<string, string> = {}): InRecord {
  return inRecord({ tenant: "demo", id: `r${offset}`, body, ...more }, { offset, headers, timestamp_ms: START_MS });
}

describe("what is admitted", () => {
  test("carries its reservation", async () => {
    const { handle, admitted, ledger } = await setUp();
    await handle([request(0, { user: "ann" })]);
    const { reservation } = admitted()[0] ?? assert.fail("nothing admitted");
    assert.equal(reservation.hold_id, ledger()[0]?.hold_id);
    assert.ok(reservation.reserved_nusd >= 1_600_000 && reservation.reserved_nusd < 1_700_000);
    assert.deepEqual([reservation.at_ms, reservation.counters], [START_MS, countersOf({ user: "ann" }, START_MS)]);
  });

  const bounds: readonly (readonly [what: string, plan: object, more: object, bound: number | undefined])[] = [
    ["nobody bounds is not bounded", {}, { body: BODY }, undefined],
    ["its plan bounds", { max_output_tokens: 50 }, {}, 50],
    ["it bounds below its plan", { max_output_tokens: 50 }, { limits: { max_output_tokens: 20 } }, 20],
    ["it bounds above its plan", { max_output_tokens: 50 }, { limits: { max_output_tokens: 70 } }, 50],
    ["is paid from a budget is bounded by what was reserved", { budgets: { tenant_day_usd: 1 } }, {}, 1_000],
  ];
  for (const [what, plan, more, bound] of bounds) {
    test(`an answer that ${what}: ${bound}`, async () => {
      const { handle, admitted } = await setUp({ plan });
      await handle([request(0, more)]);
      assert.equal(admitted()[0]?.max_output_tokens, bound);
    });
  }

  test("tells whoever waits at a gateway what is left of the rate limits, and nobody else", async () => {
    const { handle, out } = await setUp({ plan: { limits: { tenant: { requests_per_minute: 10 } } } });
    const forged = { "sluice-ratelimit": "r=9,9,9" };
    await handle([request(0, {}, { "sluice-reply-to": "g", ...forged }), request(1, {}, forged)]);
    const [waited, alone] = out();
    const { requests, tokens } = decodeRateRoom(waited?.headers?.["sluice-ratelimit"]);
    assert.deepEqual([requests?.limit, requests?.left, tokens], [10, 9, undefined]);
    assert.equal(alone?.headers?.["sluice-ratelimit"], undefined);
  });

  test("tells whoever waits at a gateway what the limit that refuses has left", async () => {
    const { handle, out } = await setUp({ plan: { limits: { tenant: { requests_per_minute: 1 } } } });
    await handle([request(0), request(1, {}, { "sluice-reply-to": "g" }), request(2)]);
    const [waited, alone] = out().filter(({ topic }) => topic === NAMES.outcomes);
    const { requests, tokens } = decodeRateRoom(waited?.headers?.["sluice-ratelimit"]);
    assert.deepEqual([requests?.limit, requests?.left, tokens], [1, 0, undefined]);
    assert.ok((requests?.reset_ms ?? 0) > 0);
    assert.equal(alone?.headers?.["sluice-ratelimit"], undefined);
  });

  test("where no limit applies there is no room to tell, whatever its writer says", async () => {
    const { handle, out } = await setUp();
    await handle([request(0, {}, { "sluice-reply-to": "g", "sluice-ratelimit": "r=9,9,9" })]);
    assert.equal(out()[0]?.headers?.["sluice-ratelimit"], undefined);
  });
});

describe("what the counters refuse", () => {
  type Plan = Parameters<typeof planSchema.parse>[0] & object;
  const rows: readonly (readonly [code: string, type: string, words: RegExp, retry_after_ms: boolean, plan: Plan])[] = [
    [
      "budget_exceeded",
      "insufficient_quota",
      /^budget of scope tenant_day, tenant demo: \$0\.000\d+ left of \$0\.002, and this request may cost \$0\.0016\d*; the UTC day 2026-01-01 ends at 2026-01-02T00:00:00\.000Z$/,
      true,
      { budgets: { tenant_day_usd: 0.002 } },
    ],
    [
      "budget_exceeded",
      "insufficient_quota",
      /^budget of scope session, session s1: .*; a session's budget does not reset$/,
      false,
      { budgets: { session_usd: 0.002 } },
    ],
    [
      "rate_limited",
      "rate_limit_error",
      /^user ann may send 1 requests a minute and has 0 left; try again in \d+ s$/,
      true,
      { limits: { user: { requests_per_minute: 1 } } },
    ],
    [
      "rate_limited",
      "rate_limit_error",
      /^API key k1 may use 1500 tokens a minute and has \d+ left; this request may use 10\d\d; try again in \d+ s$/,
      true,
      { limits: { key: { tokens_per_minute: 1_500 } } },
    ],
    [
      "quota_exceeded",
      "rate_limit_error",
      /^tenant demo may send 1 requests a day and has 0 left; the UTC day 2026-01-01 ends/,
      true,
      { limits: { tenant: { requests_per_day: 1 } } },
    ],
    [
      "in_flight_exceeded",
      "rate_limit_error",
      /^tenant demo may have 1 requests in flight and has 1; wait for one to end/,
      true,
      { limits: { in_flight_max: 1 } },
    ],
  ];
  for (const [code, type, words, retries, plan] of rows) {
    test(`${code} (${Object.keys(plan)[0]}): ${words.source.slice(1, 40)}…`, async () => {
      const { handle, out, outcomes, ledger, told } = await setUp({ plan });
      const more = { user: "ann", session: "s1", metadata: { a: "b" } };
      const headers = { "sluice-key-id": "k1", "sluice-reply-to": "g", traceparent: "t" };
      await handle([request(0, more, headers), request(1, more, headers)]);
      assert.deepEqual(told.fates, ["admitted", "rejected"]);
      const [outcome] = outcomes();
      assert.deepEqual([outcome?.id, outcome?.status, outcome?.metadata], ["r1", "rejected", { a: "b" }]);
      assert.deepEqual([outcome?.error.code, outcome?.error["type"]], [code, type]);
      assert.match(outcome?.error.message ?? "", words);
      assert.equal(typeof outcome?.error["retry_after_ms"] === "number", retries);
      assert.deepEqual(outcome?.timing, { received: START_MS, completed: START_MS });
      assert.equal(outcome?.reservation, undefined, "nothing was held");
      assert.equal(ledger().length, 1);
      const record = out().at(-1);
      assert.deepEqual([record?.topic, record?.key, record?.headers?.["sluice-reply-to"]], [NAMES.outcomes, "s1", "g"]);
      assert.equal(record?.headers?.["traceparent"], "t");
    });
  }

  test("stays refused when its record is delivered again, though there is room by now; another one is let in", async () => {
    const { handle, later, outcomes, told } = await setUp({ plan: { limits: { tenant: { requests_per_minute: 1 } } } });
    await handle([request(0), request(1)]);
    await later(2 * MINUTE_MS);
    await handle([request(1), request(2)]);
    assert.deepEqual(told.fates, ["admitted", "rejected", "rejected", "admitted"]);
    assert.deepEqual(
      outcomes().map(({ id, error }) => [id, error.code]),
      [
        ["r1", "rate_limited"],
        ["r1", "rate_limited"],
      ],
    );
  });

  test("what terms refuse, the counters only remember: it takes no room, and the same id with other content is a conflict", async () => {
    const plan: SetUp["plan"] = { features: ["chat"], limits: { tenant: { requests_per_minute: 1 } } };
    const { handle, outcomes, told } = await setUp({ plan });
    const tools = { body: { ...body, tools: [{ type: "function" }] } };
    await handle([
      request(0, tools),
      request(0, tools),
      request(1),
      inRecord({ tenant: "demo", id: "r0", body }, { offset: 3 }),
    ]);
    assert.deepEqual(told.fates, ["rejected", "rejected", "admitted", "dead_letter"]);
    assert.equal(outcomes()[0]?.error.code, "feature_not_allowed");
  });
});

describe("an idempotency key", () => {
  const key = { idempotency_key: "k" };
  const unnamed = (offset: number, more: object = {}) =>
    inRecord({ tenant: "demo", body, ...key, ...more }, { offset, timestamp_ms: START_MS });

  test("with the same content and no ids of their own, the second is a repeat", async () => {
    const { handle, told, out, ledger } = await setUp();
    await handle([unnamed(0), unnamed(1)]);
    assert.deepEqual(told.fates, ["admitted", "repeated"]);
    assert.deepEqual([out().length, ledger().length], [1, 1]);
  });

  test("with other content is refused, naming the first", async () => {
    const { handle, told, outcomes } = await setUp();
    await handle([unnamed(0), unnamed(1, { user: "other" })]);
    assert.deepEqual(told.fates, ["admitted", "rejected"]);
    const { code, message, ...rest } = outcomes()[0]?.error ?? assert.fail("nothing refused");
    assert.equal(code, "idempotency_key_reused");
    assert.match(message, /^idempotency_key: was used for other content, in the request llm\.requests-0-0;/);
    assert.deepEqual(rest, { type: "invalid_request_error", param: "idempotency_key" });
  });

  test("under another id is refused, and stays refused when delivered again", async () => {
    const { handle, told, outcomes } = await setUp();
    await handle([request(0, key), request(1, key)]);
    await handle([request(1, key)]);
    assert.deepEqual(told.fates, ["admitted", "rejected", "rejected"]);
    assert.deepEqual(outcomes()[0]?.error, outcomes()[1]?.error);
  });

  test("of a request that was refused is free again; of one that waits it is not", async () => {
    const plan: SetUp["plan"] = { limits: { tenant: { requests_per_minute: 1 } } };
    const { handle, later, told } = await setUp({ plan });
    const waiting = { idempotency_key: "w", on_limit: "defer" };
    await handle([request(0), request(1, key), request(2, waiting)]);
    await later(2 * MINUTE_MS);
    await handle([request(3, waiting), request(4, key)]);
    assert.deepEqual(told.fates, ["admitted", "rejected", "deferred", "rejected", "admitted"]);
  });
});

test("a producer that may not name the tenant is refused, and holds nothing", async () => {
  const principals = { header: "x-principal", bind: { "User:acme": ["demo"] } };
  const { handle, told, outcomes, ledger } = await setUp({ admission: { principals } });
  const from = (offset: number, principal: string) =>
    request(offset, { metadata: { a: "b" } }, { "x-principal": principal });
  await handle([from(0, "User:acme"), from(1, "User:evil"), request(2)]);
  assert.deepEqual(told.fates, ["admitted", "rejected", "rejected"]);
  for (const { error, status } of outcomes()) {
    assert.deepEqual([error.code, error["param"], status], ["principal_not_allowed", "tenant", "rejected"]);
  }
  assert.deepEqual(outcomes()[0]?.metadata, { a: "b" });
  assert.equal(ledger().length, 1);
});
