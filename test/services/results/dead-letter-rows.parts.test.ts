/** Rows of dead letters on a real Postgres. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { migrate } from "../../../libs/shared/postgres/migrations.ts";
import { forgetLetterRows, letterRowsKeep_ms } from "../../../services/results/dead-letter-rows.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../support/database.ts";

const DAY_MS = 86_400_000;
const never = new AbortController().signal;

test("rows are kept as long as their letters can be there", () => {
  const settings = parseSettings(readFileSync(new URL("../../../sluice.yaml", import.meta.url), "utf8"), "sluice.yaml");
  const kept = (retention_hours: number, own?: number) => {
    const overrides = own === undefined ? {} : { dlq: { retention_hours: own } };
    return letterRowsKeep_ms({ ...settings, topics: { ...settings.topics, retention_hours, overrides } });
  };
  assert.equal(kept(24), 15 * DAY_MS);
  assert.equal(kept(24, 240), 24 * DAY_MS);
  assert.equal(kept(-1), undefined);
  assert.equal(kept(24, -1), undefined);
});

describe("rows of dead letters", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase("letter_rows");
    await migrate(database.pool);
  });
  after(() => database.drop());

  test("go when their letters have gone, and no others", async () => {
    const { pool } = database;
    const insert = (off: number, days: number) =>
      pool.query(
        `INSERT INTO sluice_dead_letters (topic, part, off, action, error_code, at, by_whom)
         VALUES ('llm.dlq', 0, $1, 'dropped', 'not_json', now() - $2 * interval '1 day', 'test')`,
        [off, days],
      );
    for (const [off, days] of [20.5, 30, 21, 400, 25, 19.5, 0].entries()) await insert(off, days);
    const stopped = new AbortController();
    stopped.abort();
    assert.equal(await forgetLetterRows(pool, 20 * DAY_MS, 2, stopped.signal), 0);
    const both = await Promise.all([1, 2].map(() => forgetLetterRows(pool, 20 * DAY_MS, 2, never)));
    assert.equal((both[0] as number) + (both[1] as number), 5);
    const { rows } = await pool.query("SELECT off::int FROM sluice_dead_letters ORDER BY off");
    assert.deepEqual(rows, [{ off: 5 }, { off: 6 }]);
  });
});
