/** What every outcome says of its request, whoever writes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { outcomeRecord } from "../../../../libs/shared/events/outcomes.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";

const REQUEST = { id: "r1", tenant: "demo", content_hash: "h" };
const RESERVATION = { hold_id: "h1", reserved_nusd: 9, tokens: 5, counters: [], at_ms: 1 };
const written = (...[request, ending, response]: [typeof REQUEST, object?, Buffer?]) =>
  JSON.parse(
    outcomeRecord(
      { codec: jsonCodec, names: NAMES },
      { key: "k", headers: {} },
      request,
      { status: "rejected", timing: {}, ...ending },
      response,
    ).value?.toString() ?? "",
  );

test("an outcome says what is held for its request, so that a refusal gives it back", () => {
  assert.deepEqual(written({ ...REQUEST, reservation: RESERVATION } as typeof REQUEST).reservation, RESERVATION);
  assert.equal("reservation" in written(REQUEST), false);
});

test("and how many calls of earlier rounds may be billed, whoever ends it; where the cost is known, that counts alone", () => {
  const end = (unknown: string, ending: object) => {
    const source = { key: "k", headers: { "sluice-unknown-calls": unknown, traceparent: "t" } };
    const full = { status: "expired", timing: {}, ...ending } as const;
    const record = outcomeRecord({ codec: jsonCodec, names: NAMES }, source, REQUEST, full);
    assert.deepEqual(record.headers, { traceparent: "t" }, "it is told once");
    return JSON.parse(record.value?.toString() ?? "").unknown_calls;
  };
  assert.equal(end("2", {}), 2);
  assert.equal(end("2", { unknown_calls: 3 }), 3);
  assert.equal(end("2", { unknown_calls: 1 }), 2);
  assert.equal(end("0", {}), undefined);
  assert.equal(end("x", {}), undefined);
  assert.equal(end("2", { usage: { cost_usd: 1 } }), undefined);
});

test("and how many calls may be billed, beside a response too", () => {
  const response = Buffer.from("{}");
  assert.equal(written(REQUEST, { unknown_calls: 2 }).unknown_calls, 2);
  assert.deepEqual(written(REQUEST, { unknown_calls: 2 }, response), {
    ...REQUEST,
    ...{ status: "rejected", timing: {}, unknown_calls: 2, response: {} },
  });
});
