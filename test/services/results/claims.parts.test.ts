/** Claims on a real Postgres: who is first, and the row of whoever is. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { migrate } from "../../../libs/shared/postgres/migrations.ts";
import { PostgresClaimStore } from "../../../services/results/claims.ts";
import { claimOf } from "../../support/claims.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../support/database.ts";

describe("claims", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  let store: PostgresClaimStore;
  const rows = async (id: string): Promise<unknown[]> => {
    const text = "SELECT result FROM sluice_results JOIN sluice_claims USING (tenant, id, day) WHERE id = $1";
    return (await database.pool.query(text, [id])).rows.map(({ result }) => JSON.parse(result));
  };
  before(async () => {
    database = await createDatabase("claims");
    await migrate(database.pool);
    store = new PostgresClaimStore(database.pool);
  });
  after(() => database.drop());

  test("the first outcome wins, also when it comes again", async () => {
    const claims = [claimOf("a", 1), claimOf("b", 2)];
    assert.deepEqual(await store.claim(claims), ["won", "won"]);
    assert.deepEqual(await store.claim(claims), ["won", "won"]);
    assert.deepEqual(await store.claim([claimOf("a", 7), claimOf("c", 8)]), ["late", "won"]);
    assert.deepEqual(await rows("a"), [{ id: "a" }]);
    assert.deepEqual(await rows("c"), [{ id: "c" }]);
  });

  test("of two outcomes in one batch the first has the row", async () => {
    const verdicts = await store.claim([
      claimOf("twice", 10, { result: '{"nr":1}' }),
      claimOf("twice", 11, { result: '{"nr":2}' }),
      { ...claimOf("twice", 12), content_hash: "another" },
    ]);
    assert.deepEqual(verdicts, ["won", "late", "conflict"]);
    assert.deepEqual(await rows("twice"), [{ nr: 1 }]);
  });

  test("the same id of another tenant is another request", async () => {
    assert.deepEqual(await store.claim([claimOf("ours", 20), claimOf("ours", 21, {}, "other")]), ["won", "won"]);
  });

  test("at once from several sides, one wins", async () => {
    const sides = await Promise.all(
      [30, 31, 32, 33].map((offset) => store.claim([claimOf("race", offset), claimOf(`own-${offset}`, offset)])),
    );
    assert.deepEqual(sides.map(([race]) => race).toSorted(), ["late", "late", "late", "won"]);
    assert.equal((await rows("race")).length, 1);
  });

  test("the row has who asked and what for, on the day of the claim", async () => {
    const row = { user: "ann", kind: "embeddings", job: "batch_1", received_ms: null, completed_ms: 5_000 } as const;
    await store.claim([claimOf("full", 40, row)]);
    const { rows: found } = await database.pool.query(
      `SELECT user_id, kind, job, received_at, completed_at, day = (now() AT TIME ZONE 'UTC')::date AS today,
         tableoid::regclass::text = 'sluice_results_default' AS by_default FROM sluice_results WHERE id = 'full'`,
    );
    const at = new Date(5_000);
    const times = { received_at: at, completed_at: at, today: true, by_default: false };
    assert.deepEqual(found, [{ user_id: "ann", kind: "embeddings", job: "batch_1", ...times }]);
  });
});
