/** Batches and map-reduces of all tenants, in Postgres. */
import { ENDED_STATUSES, type Job, type JobKind } from "../../../libs/shared/jobs/job.ts";
import { JOB_COLUMNS, type JobRow, jobOf } from "../../../libs/shared/jobs/rows.ts";
import type { Reads } from "./reads.ts";

export type JobFilter = {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly tenant?: string | undefined;
  readonly kind?: JobKind | undefined;
  /** `open`: it has not ended. */
  readonly status?: string | undefined;
};

const LIST = `
SELECT ${JOB_COLUMNS} FROM sluice_jobs
WHERE ($2::text IS NULL OR tenant = $2) AND ($3::text IS NULL OR kind = $3)
  AND ($4::text IS NULL OR status = $4 OR ($4 = 'open' AND NOT status = ANY($6)))
  AND ($5::text IS NULL OR (created_at, id) < (SELECT before.created_at, before.id FROM sluice_jobs before WHERE before.id = $5))
ORDER BY created_at DESC, id DESC LIMIT $1`;

const FIND = `SELECT ${JOB_COLUMNS} FROM sluice_jobs WHERE id = $1`;

/** The latest first. */
export async function listJobs(reads: Reads, filter: JobFilter): Promise<readonly Job[]> {
  const { limit, tenant, kind, status, after } = filter;
  const values = [limit, tenant ?? null, kind ?? null, status ?? null, after ?? null, ENDED_STATUSES];
  return (await reads<JobRow>(LIST, values)).map(jobOf);
}

export async function findJob(reads: Reads, id: string): Promise<Job | undefined> {
  const [row] = await reads<JobRow>(FIND, [id]);
  return row === undefined ? undefined : jobOf(row);
}
