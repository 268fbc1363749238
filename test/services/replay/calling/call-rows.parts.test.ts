/** What a replay holds and has spent, on a real Postgres. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { callPlaceId, PostgresCallRows } from "../../../../services/replay/calling/call-rows.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";

describe("rows of a replay's calls", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase("calls");
    await migrate(database.pool);
  });
  after(() => database.drop());

  const at = (offset: number, partition = 0) => ({ topic: "llm.requests", partition, offset });

  test("what is held and what is spent are known to whoever goes on", async () => {
    const rows = new PostgresCallRows(database.pool, "one");
    assert.deepEqual(await rows.totals(), { spent_nusd: 0, held_nusd: 0 });
    await Promise.all([rows.hold(at(1), 100), rows.hold(at(2), 200), rows.hold(at(1, 3), 1_000_000_000_000)]);
    await Promise.all([rows.settle(at(2), 7), rows.settle(at(1, 3), 0)]);
    assert.deepEqual(await rows.totals(), { spent_nusd: 7, held_nusd: 100 });
    const next = new PostgresCallRows(database.pool, "one");
    const found = await next.find([at(1), at(2), at(1, 3), at(9)]);
    assert.deepEqual(
      new Map(found),
      new Map([
        [callPlaceId(at(1)), { reserved_nusd: 100, cost_nusd: undefined }],
        [callPlaceId(at(2)), { reserved_nusd: 200, cost_nusd: 7 }],
        [callPlaceId(at(1, 3)), { reserved_nusd: 1_000_000_000_000, cost_nusd: 0 }],
      ]),
    );
    assert.deepEqual(await next.find([]), new Map());
  });

  test("one that is held again has no cost until it is settled again", async () => {
    const rows = new PostgresCallRows(database.pool, "again");
    await rows.hold(at(1), 100);
    await rows.settle(at(1), 60);
    await rows.hold(at(1), 160);
    assert.deepEqual(await rows.totals(), { spent_nusd: 0, held_nusd: 160 });
    await rows.settle(at(1), 90);
    await rows.settle(at(1), 90);
    assert.deepEqual(await rows.totals(), { spent_nusd: 90, held_nusd: 0 });
  });

  test("replays know nothing of each other", async () => {
    const rows = new PostgresCallRows(database.pool, "other");
    assert.deepEqual(await rows.find([at(1), at(2)]), new Map());
    await rows.settle(at(1), 5);
    assert.deepEqual(await rows.totals(), { spent_nusd: 0, held_nusd: 0 });
  });

  test("many that come while a statement runs go with the next one, and all are there", async () => {
    const rows = new PostgresCallRows(database.pool, "many");
    const offsets = Array.from({ length: 300 }, (_, offset) => offset);
    await Promise.all(
      offsets.map(async (offset) => {
        await rows.hold(at(offset), 2);
        await rows.settle(at(offset), 1);
      }),
    );
    assert.deepEqual(await rows.totals(), { spent_nusd: 300, held_nusd: 0 });
  });
});
