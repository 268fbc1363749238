/** Rows of an installation from before results had partitions are carried over, and are found as before. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { findResult, findResults } from "../../../../libs/shared/postgres/results.ts";
import { type Claim, PostgresClaimStore } from "../../../../services/results/claims.ts";
import { keepDays } from "../../../../services/results/retention.ts";
import { claimOf } from "../../../support/claims.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";

const STEPS_BEFORE = 2;
const NOW_MS = Date.now();
const dayBefore = (days: number): string => new Date(NOW_MS - days * 86_400_000).toISOString().slice(0, 10);
const partOf = (day: string): string => `sluice_results_${day.replaceAll("-", "")}`;
const OLD_ROW = `
INSERT INTO sluice_results (tenant, id, status, content_hash, outcome_topic, outcome_partition, outcome_offset, tier, cost_nusd,
  received_at, completed_at, result, origin)
VALUES ('demo', $1, 'succeeded', 'hash', 'llm.outcomes', 1, $2, 'small', 7, $3, $4, $5, 'llm.requests 0 5 9')`;

describe("an old installation", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase("resultsbyday");
    const { pool } = database;
    await migrate(pool, STEPS_BEFORE);
    const rows = [
      ["early", 3, `${dayBefore(5)}T23:59:59.999Z`, `${dayBefore(4)}T00:00:00.000Z`],
      ["late", 4, null, `${dayBefore(4)}T23:59:59.999Z`],
      ["long-ago", 5, null, "1970-01-01T00:00:00.000Z"],
    ];
    for (const [id, offset, received, completed] of rows) {
      await pool.query(OLD_ROW, [id, offset, received, completed, `{"id":"${id}"}`]);
    }
    await migrate(pool);
    // Whoever starts next finds nothing to do.
    await migrate(pool);
  });
  after(() => database.drop());

  test("keeps its rows, each on the day it had ended", async () => {
    const { rows } = await database.pool.query(
      "SELECT id, day::text, tier, cost_nusd::int, received_at, tableoid::regclass::text AS part FROM sluice_results ORDER BY id",
    );
    const kept = { tier: "small", cost_nusd: 7 };
    const day = dayBefore(4);
    const part = partOf(day);
    assert.deepEqual(rows, [
      { ...kept, id: "early", day, received_at: new Date(`${dayBefore(5)}T23:59:59.999Z`), part },
      { ...kept, id: "late", day, received_at: new Date(`${day}T23:59:59.999Z`), part },
      { ...kept, id: "long-ago", day: "1970-01-01", received_at: new Date(0), part: partOf(dayBefore(101)) },
    ]);
  });

  test("finds them by id", async () => {
    const found = await findResults(database.pool, [
      { tenant: "demo", id: "early" },
      { tenant: "other", id: "early" },
      { tenant: "demo", id: "long-ago" },
      { tenant: "demo", id: "early" },
    ]);
    assert.deepEqual(found.map(({ id, result }) => [id, result]).toSorted(), [
      ["early", '{"id":"early"}'],
      ["long-ago", '{"id":"long-ago"}'],
    ]);
    assert.equal((await findResult(database.pool, "demo", "late"))?.origin, "llm.requests 0 5 9");
    assert.equal(await findResult(database.pool, "demo", "nobody"), undefined);
  });

  test("still knows who was first", async () => {
    const store = new PostgresClaimStore(database.pool);
    const early = (change: Partial<Claim>): Claim => ({ ...claimOf("early", 3), content_hash: "hash", ...change });
    const place = { topic: "llm.outcomes", partition: 1, offset: 3 };
    const verdicts = await store.claim([
      early({ place }),
      early({ place: { ...place, offset: 9 } }),
      early({ place, content_hash: "another" }),
    ]);
    assert.deepEqual(verdicts, ["won", "late", "conflict"]);
  });

  test("loses what is too old to the next look at the days, with its claims", async () => {
    const { pool } = database;
    const run = await keepDays(pool, { keep_days: 4, page: 10 }, new AbortController().signal);
    assert.deepEqual([run.dropped, run.claims, run.ended], [[dayBefore(101)], 1, "done"]);
    const { rows } = await pool.query("SELECT id FROM sluice_claims ORDER BY id");
    assert.deepEqual(rows, [{ id: "early" }, { id: "late" }]);
  });
});
