/** The days of results on a real Postgres. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { migrate } from "../../../libs/shared/postgres/migrations.ts";
import { findResult } from "../../../libs/shared/postgres/results.ts";
import { PostgresClaimStore } from "../../../services/results/claims.ts";
import { addDays, partitionOf } from "../../../services/results/days.ts";
import { keepDays } from "../../../services/results/retention.ts";
import { claimOf } from "../../support/claims.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../support/database.ts";

const OPTIONS = { keep_days: 2, page: 3 };
const never = new AbortController().signal;

describe("the days of results", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  let today: string;
  const query = async (text: string): Promise<unknown[]> => (await database.pool.query(text)).rows;
  const partitions = async (): Promise<unknown[]> =>
    (
      await query(
        "SELECT relname AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'sluice_results'::regclass ORDER BY relname",
      )
    ).map((row) => (row as { name: string }).name);
  /** As if it had been claimed so many days ago. */
  const moveBack = async (id: string, days: number): Promise<void> => {
    const day = `'${addDays(today, -days)}'`;
    await query(`UPDATE sluice_results SET day = ${day} WHERE id = '${id}'`);
    await query(`UPDATE sluice_claims SET day = ${day} WHERE id = '${id}'`);
  };
  before(async () => {
    database = await createDatabase("retention");
    await migrate(database.pool);
    const [row] = await query("SELECT (now() AT TIME ZONE 'UTC')::date::text AS today");
    today = (row as { today: string }).today;
  });
  beforeEach(async () => {
    await query("DELETE FROM sluice_results");
    await query("DELETE FROM sluice_claims");
    await keepDays(database.pool, OPTIONS, never);
  });
  after(() => database.drop());

  test("to come are there, and nothing is done twice", async () => {
    assert.deepEqual(await partitions(), [
      ...[0, 1, 2, 3].map((ahead) => partitionOf(addDays(today, ahead))),
      "sluice_results_default",
    ]);
    const run = await keepDays(database.pool, OPTIONS, never);
    assert.deepEqual(run, { made: [], dropped: [], claims: 0, ended: "done" });
  });

  test("that had their time go with their claims, and with nobody else's", async () => {
    const { pool } = database;
    const store = new PostgresClaimStore(pool);
    const old = addDays(today, -3);
    await query(
      `CREATE TABLE ${partitionOf(old)} PARTITION OF sluice_results FOR VALUES FROM ('${old}') TO ('${addDays(old, 1)}')`,
    );
    const ids = Array.from({ length: 8 }, (_, at) => `old-${at}`);
    await store.claim([...ids.map((id, at) => claimOf(id, at)), claimOf("new", 99)]);
    for (const id of ids) await moveBack(id, 3);
    // Its claim had gone before a crash, and the id was used again since.
    await query("DELETE FROM sluice_claims WHERE id = 'old-0'");
    assert.deepEqual(await store.claim([claimOf("old-0", 50, { result: '"again"' })]), ["won"]);
    const run = await keepDays(pool, OPTIONS, never);
    assert.deepEqual(run, { made: [], dropped: [old], claims: 7, ended: "done" });
    assert.deepEqual(await query("SELECT id FROM sluice_claims ORDER BY id"), [{ id: "new" }, { id: "old-0" }]);
    assert.equal((await findResult(pool, "demo", "old-0"))?.result, '"again"');
    assert.equal(await findResult(pool, "demo", "old-1"), undefined);
    assert.deepEqual(await store.claim([claimOf("old-1", 60)]), ["won"]);
  });

  test("what found no partition is taken into its own, or goes in its time", async () => {
    const { pool } = database;
    const store = new PostgresClaimStore(pool);
    await query(`DROP TABLE ${partitionOf(today)}`);
    await store.claim([claimOf("early", 1), claimOf("ancient", 2), claimOf("older", 3), claimOf("oldest", 4)]);
    for (const [id, days] of Object.entries({ ancient: 10, older: 11, oldest: 12 })) await moveBack(id, days);
    const run = await keepDays(pool, { ...OPTIONS, page: 2 }, never);
    assert.deepEqual([run.made, run.ended], [[today], "done"]);
    assert.deepEqual(await query("SELECT id, tableoid::regclass::text AS part FROM sluice_results"), [
      { id: "early", part: partitionOf(today) },
    ]);
    assert.deepEqual(await query("SELECT id FROM sluice_claims"), [{ id: "early" }]);
  });

  test("one process works, the others leave it", async () => {
    const { pool } = database;
    await query(`DROP TABLE ${partitionOf(addDays(today, 3))}`);
    const other = await pool.connect();
    await other.query("SELECT pg_advisory_lock(5318009)");
    assert.equal((await keepDays(pool, OPTIONS, never)).ended, "left");
    await other.query("SELECT pg_advisory_unlock(5318009)");
    other.release();
    const runs = await Promise.all([1, 2, 3].map(() => keepDays(pool, OPTIONS, never)));
    assert.ok(runs.flatMap(({ made }) => made).length <= 1);
    await keepDays(pool, OPTIONS, never);
    assert.ok((await partitions()).includes(partitionOf(addDays(today, 3))));
  });

  test("whoever reads for long is not waited for", async () => {
    const { pool } = database;
    const old = addDays(today, -5);
    await query(
      `CREATE TABLE ${partitionOf(old)} PARTITION OF sluice_results FOR VALUES FROM ('${old}') TO ('${addDays(old, 1)}')`,
    );
    const reader = await pool.connect();
    await reader.query("BEGIN");
    await reader.query("SELECT count(*) FROM sluice_results");
    const run = await keepDays(pool, OPTIONS, never);
    assert.deepEqual([run.dropped, run.ended], [[], "left"]);
    await reader.query("COMMIT");
    reader.release();
    assert.deepEqual((await keepDays(pool, OPTIONS, never)).dropped, [old]);
  });
});
