/** Jobs on a real Postgres. */
import { after, before } from "node:test";
import { PostgresJobLeases } from "../../../../libs/shared/jobs/postgres-leases.ts";
import { PostgresJobStore } from "../../../../libs/shared/jobs/postgres-store.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { connectPostgres, type Pool } from "../../../../libs/shared/postgres/client.ts";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { describeJobStore } from "./store-contract.ts";

const url = process.env["DATABASE_URL"];
let pool: Pool;

before(async () => {
  if (url === undefined) return;
  pool = connectPostgres(url, "test", 4, silentLog);
  await migrate(pool);
});
after(() => pool?.end());

describeJobStore(
  "jobs in Postgres",
  () => ({
    store: new PostgresJobStore(pool),
    leases: new PostgresJobLeases(pool),
    async answer(tenant, job, id, status, cost_nusd) {
      const text = `INSERT INTO sluice_results (tenant, id, day, status, cost_nusd, received_at, completed_at, result, job)
        VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date, $3, $4, now(), now(), $5, $6)`;
      await pool.query(text, [tenant, id, status, cost_nusd, JSON.stringify({ id }), job]);
    },
    async clear() {
      await pool.query("UPDATE sluice_jobs SET wake_at = NULL, ended_at = NULL");
    },
  }),
  url === undefined ? "DATABASE_URL names no Postgres" : false,
);
