/** Budget pressure lowers the tier of a request that leaves it to us, before it refuses. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdmissionStore } from "../../../libs/shared/budgets/admission-store.ts";
import { inRecord } from "../../support/memory-ports.ts";
import { BODY, setUp } from "./ingest-fixture.ts";

const HEURISTIC = { routing: { complexity: { method: "heuristic" as const } } };
/** Output tokens by the shipped prices: 1.6 and 8 dollars a million, so 0.0016 and 0.008 a request and a little for the prompt. */
const ANSWER = { limits: { max_output_tokens: 1_000 } };

const request = (offset: number, more: object = {}) =>
  inRecord({ tenant: "demo", id: `r${offset}`, body: BODY, ...ANSWER, ...more }, { offset });

describe("under budget pressure", () => {
  test("what is left is held for the weakest tier alone, and then nothing", async () => {
    const { handle, admitted, outcomes, told } = await setUp({
      ...HEURISTIC,
      plan: { budgets: { tenant_day_usd: 0.012 } },
    });
    await handle([0, 1, 2, 3, 4].map((offset) => request(offset)));
    assert.deepEqual(
      admitted().map(({ tiers, tiers_by }) => [tiers, tiers_by]),
      [
        [["small", "large"], undefined],
        [["small"], "budget"],
        [["small"], "budget"],
      ],
    );
    const [whole, ...lower] = admitted().map(({ reservation }) => reservation.reserved_nusd);
    assert.ok((whole ?? 0) > 8_000_000);
    for (const held of lower) assert.ok(held >= 1_600_000 && held < 1_700_000);
    assert.deepEqual(
      outcomes().map(({ error }) => error.code),
      ["budget_exceeded", "budget_exceeded"],
    );
    assert.equal(told.lowered, 2);
  });

  test("a tier that is asked for is not lowered", async () => {
    const { handle, admitted, outcomes } = await setUp({ ...HEURISTIC, plan: { budgets: { tenant_day_usd: 0.004 } } });
    await handle([request(0, { tier: "large" })]);
    assert.deepEqual([admitted().length, outcomes().length], [0, 1]);
  });

  test("a redelivery is lowered as it was before", async () => {
    const { handle, admitted } = await setUp({ ...HEURISTIC, plan: { budgets: { tenant_day_usd: 0.004 } } });
    await handle([request(0)]);
    await handle([request(0)]);
    const [first, again] = admitted();
    assert.deepEqual([first?.tiers, first?.tiers_by], [["small"], "budget"]);
    assert.deepEqual([again?.tiers, again?.tiers_by, again?.reservation], [["small"], "budget", first?.reservation]);
  });

  test("limits lower nothing: fewer dollars make no room in them", async () => {
    const { handle, admitted, outcomes } = await setUp({
      ...HEURISTIC,
      plan: { limits: { tenant: { requests_per_minute: 1 } } },
    });
    await handle([request(0), request(1)]);
    assert.deepEqual(admitted()[0]?.tiers, ["small", "large"]);
    assert.equal(outcomes()[0]?.error.code, "rate_limited");
  });

  test("what is admitted without counters keeps all its tiers", async () => {
    const away: Pick<AdmissionStore, "reserve"> = { reserve: async (asks) => asks.map(() => ({ kind: "lost" })) };
    const { handle, admitted } = await setUp({
      ...HEURISTIC,
      plan: { budgets: { tenant_day_usd: 0.004 } },
      admission: { without_redis: "admit" },
      storeOver: () => away,
    });
    await handle([request(0)]);
    assert.deepEqual([admitted()[0]?.tiers, admitted()[0]?.tiers_by], [["small", "large"], undefined]);
  });
});
