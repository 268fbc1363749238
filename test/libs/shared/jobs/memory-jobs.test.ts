/** The store in memory does what the one in Postgres does. */
import { MemoryJobs } from "../../../support/memory-jobs.ts";
import { describeJobStore } from "./store-contract.ts";

describeJobStore("jobs in memory", () => {
  const jobs = new MemoryJobs();
  return {
    store: jobs,
    leases: jobs,
    async answer(tenant, _job, id, status, cost_nusd) {
      jobs.answer(id, { status, cost_nusd, tenant, result: JSON.stringify({ id }) });
    },
    clear: async () => undefined,
  };
});
