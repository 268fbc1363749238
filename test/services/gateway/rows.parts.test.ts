/** What the gateway reads of results on a real Postgres: lists and sums. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { migrate } from "../../../libs/shared/postgres/migrations.ts";
import { listRows, placeOf, type RowPage } from "../../../services/gateway/result-rows.ts";
import { readUsage, type UsageAsk } from "../../../services/gateway/usage-rows.ts";
import { PostgresClaimStore, type ResultRow } from "../../../services/results/claims.ts";
import { claimOf } from "../../support/claims.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../support/database.ts";

const YESTERDAY_MS = Date.now() - 86_400_000;

describe("rows of results", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  let today: string;
  let yesterday: string;
  const ids = async (page: Partial<RowPage>, tenant = "demo"): Promise<string[]> =>
    (await listRows(database.pool, tenant, { limit: 10, ...page })).map(({ id }) => id);
  before(async () => {
    database = await createDatabase("gatewayrows");
    const { pool } = database;
    await migrate(pool);
    const rows: readonly (readonly [string, Partial<ResultRow>])[] = [
      ["a", { received_ms: YESTERDAY_MS, user: "ann", job: "batch_1" }],
      ["b", { received_ms: YESTERDAY_MS + 5, user: "bob", cache: "exact", cost_nusd: 0 }],
      ["b2", { received_ms: YESTERDAY_MS + 5, user: "ann", tier: "large", model: "l", cost_nusd: 5_000 }],
      [
        "c",
        {
          received_ms: YESTERDAY_MS + 9,
          status: "failed",
          error_code: "provider_error",
          cost_nusd: null,
          prompt_tokens: null,
        },
      ],
    ];
    const claims = rows.map(([id, row], at) => claimOf(id, at, row));
    await new PostgresClaimStore(pool).claim([...claims, claimOf("a", 9, { cost_nusd: 1 }, "other")]);
    const { rows: days } = await pool.query(
      "SELECT (now() AT TIME ZONE 'UTC')::date::text AS today, ((now() AT TIME ZONE 'UTC')::date - 1)::text AS yesterday",
    );
    ({ today, yesterday } = days[0]);
    await pool.query("UPDATE sluice_results SET day = day - 1 WHERE id = 'a' AND tenant = 'demo'");
    await pool.query("UPDATE sluice_claims SET day = day - 1 WHERE id = 'a' AND tenant = 'demo'");
  });
  after(() => database.drop());

  test("are listed the latest first, those of one time by id, each tenant's by itself", async () => {
    assert.deepEqual(await ids({}), ["c", "b2", "b", "a"]);
    assert.deepEqual(await ids({}, "other"), ["a"]);
    assert.deepEqual(await ids({}, "nobody"), []);
  });

  test("go on behind a place", async () => {
    const seen: string[] = [];
    for (let before: RowPage["before"]; ; ) {
      const [row] = await listRows(database.pool, "demo", { limit: 1, before });
      if (row === undefined) break;
      seen.push(row.id);
      assert.deepEqual(await placeOf(database.pool, "demo", row.id), { received_us: row.received_us, id: row.id });
      before = row;
    }
    assert.deepEqual(seen, ["c", "b2", "b", "a"]);
    assert.equal(await placeOf(database.pool, "demo", "nobody"), undefined);
  });

  test("are found by each filter", async () => {
    assert.deepEqual(await ids({ user: "ann" }), ["b2", "a"]);
    assert.deepEqual(await ids({ user: "ann", tier: "large", model: "l" }), ["b2"]);
    assert.deepEqual(await ids({ job: "batch_1" }), ["a"]);
    assert.deepEqual(await ids({ error_code: "provider_error" }), ["c"]);
    assert.deepEqual(await ids({ statuses: ["failed", "expired"] }), ["c"]);
    assert.deepEqual(await ids({ from_ms: YESTERDAY_MS + 5, to_ms: YESTERDAY_MS + 9 }), ["b2", "b"]);
    assert.deepEqual(await ids({ model: "'; DROP TABLE sluice_results; --" }), []);
  });

  test("show what they cost and when", async () => {
    const [row] = await listRows(database.pool, "demo", { limit: 1, job: "batch_1" });
    assert.deepEqual(row, {
      ...{
        id: "a",
        status: "succeeded",
        tier: "small",
        model: "m",
        cache: "miss",
        user: "ann",
        kind: "chat",
        job: "batch_1",
      },
      ...{ error_code: null, prompt_tokens: 10, completion_tokens: 2, cost_usd: 0.000001 },
      ...{ received_us: YESTERDAY_MS * 1_000, completed_ms: 2_000 },
    });
  });

  test("are summed by what was asked for, and altogether", async () => {
    const usage = (ask: Partial<UsageAsk>) =>
      readUsage(database.pool, "demo", { from: yesterday, to: today, group_by: ["day"], limit: 10, ...ask });
    const by_day = await usage({});
    const first = {
      requests: 1,
      succeeded: 1,
      cache_hits: 0,
      prompt_tokens: 10,
      completion_tokens: 2,
      cost_usd: 0.000001,
    };
    const second = {
      requests: 3,
      succeeded: 2,
      cache_hits: 1,
      prompt_tokens: 20,
      completion_tokens: 6,
      cost_usd: 0.000005,
    };
    assert.deepEqual(by_day.rows, [
      { day: yesterday, ...first },
      { day: today, ...second },
    ]);
    assert.deepEqual(by_day.total, {
      ...first,
      requests: 4,
      succeeded: 3,
      cache_hits: 1,
      prompt_tokens: 30,
      completion_tokens: 8,
      cost_usd: 0.000006,
    });
    const by_user = await usage({ group_by: ["user", "tier"], limit: 2 });
    assert.deepEqual(
      by_user.rows.map(({ user, tier, cost_usd }) => [user, tier, cost_usd]),
      [
        ["ann", "large", 0.000005],
        ["ann", "small", 0.000001],
      ],
    );
    assert.equal(by_user.more, true);
    const nothing = await usage({ from: "2020-01-01", to: "2020-01-02" });
    assert.deepEqual([nothing.rows, nothing.total.requests, nothing.more], [[], 0, false]);
  });
});
