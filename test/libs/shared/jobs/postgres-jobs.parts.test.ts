/** Jobs on a real Postgres. */
import { after, before } from "node:test";
import { PostgresJobLeases } from "../../../../libs/shared/jobs/postgres-leases.ts";
import { PostgresJobStore } from "../../../../libs/shared/jobs/postgres-store.ts";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";
import { describeJobStore } from "./store-contract.ts";

let database: TestDatabase;

before(async () => {
  if (NO_DATABASE) return;
  database = await createDatabase("jobs");
  await migrate(database.pool);
});
after(() => database?.drop());

describeJobStore(
  "jobs in Postgres",
  () => ({
    store: new PostgresJobStore(database.pool),
    leases: new PostgresJobLeases(database.pool),
    async answer(tenant, job, id, status, cost_nusd) {
      const text = `INSERT INTO sluice_results (tenant, id, day, status, cost_nusd, received_at, completed_at, result, job)
        VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date, $3, $4, now(), now(), $5, $6)`;
      await database.pool.query(text, [tenant, id, status, cost_nusd, JSON.stringify({ id }), job]);
    },
    async clear() {
      await database.pool.query("UPDATE sluice_jobs SET wake_at = NULL, ended_at = NULL");
    },
  }),
  NO_DATABASE,
);
