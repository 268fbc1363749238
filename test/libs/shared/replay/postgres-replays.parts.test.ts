/** Replays on a real Postgres. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { PostgresReplayStore } from "../../../../libs/shared/replay/postgres-store.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";
import { describeReplayStore } from "./store-contract.ts";

let database: TestDatabase;

before(async () => {
  if (NO_DATABASE) return;
  database = await createDatabase("replays");
  await migrate(database.pool);
});
after(() => database?.drop());

describeReplayStore(
  "replays in Postgres",
  () => ({
    store: new PostgresReplayStore(database.pool),
    async clear() {
      await database.pool.query("DELETE FROM sluice_replays");
    },
  }),
  NO_DATABASE,
);

test("old ones are forgotten with their calls, but for those under way", { skip: NO_DATABASE }, async () => {
  await database.pool.query("DELETE FROM sluice_replays");
  const store = new PostgresReplayStore(database.pool);
  const spec = { mode: "reuse", selection: { topic: "llm.requests" } } as const;
  const made = { spec, runner: "cli", by: "tests", created_ms: 1_000 } as const;
  for (const id of ["rp_a", "rp_b"]) await store.create({ ...made, id });
  await store.want("rp_a", "cancel", 2_000);
  const call =
    "INSERT INTO sluice_replay_calls (replay, topic, part, off, reserved_nusd) VALUES ('rp_a', 't', 0, 0, 1)";
  await database.pool.query(call);
  assert.deepEqual(await store.old(2_000, 10), []);
  assert.deepEqual(await store.old(3_000, 10), ["rp_a"]);
  for (const id of ["rp_a", "rp_b"]) await store.remove(id);
  const { rows } = await database.pool.query("SELECT FROM sluice_replay_calls");
  assert.equal(rows.length, 0);
  assert.equal((await store.find("rp_b"))?.status, "previewing");
});
