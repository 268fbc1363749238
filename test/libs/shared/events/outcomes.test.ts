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

test("and how many calls may be billed, beside a response too", () => {
  const response = Buffer.from("{}");
  assert.equal(written(REQUEST, { unknown_calls: 2 }).unknown_calls, 2);
  assert.deepEqual(written(REQUEST, { unknown_calls: 2 }, response), {
    ...REQUEST,
    ...{ status: "rejected", timing: {}, unknown_calls: 2, response: {} },
  });
});
