/** Rows of `sluice_jobs` and `sluice_job_items` as the code has them. Pure. */
import type { Job, JobItem, JobKind, JobStatus } from "./job.ts";

/** What every statement that gives jobs selects or returns. */
export const JOB_COLUMNS = `id, tenant, kind, status, spec, state, key_id, created_at, updated_at, ended_at, deadline_at, cancel_at,
  error, tries`;

export type JobRow = {
  readonly id: string;
  readonly tenant: string;
  readonly kind: string;
  readonly status: string;
  readonly spec: unknown;
  readonly state: unknown;
  readonly key_id: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly ended_at: Date | null;
  readonly deadline_at: Date | null;
  readonly cancel_at: Date | null;
  readonly error: Job["error"] | null;
  readonly tries: number;
};

export function jobOf(row: JobRow): Job {
  return {
    id: row.id,
    tenant: row.tenant,
    kind: row.kind as JobKind,
    status: row.status as JobStatus,
    spec: row.spec,
    state: row.state,
    ...(row.key_id === null ? {} : { key_id: row.key_id }),
    created_ms: row.created_at.getTime(),
    updated_ms: row.updated_at.getTime(),
    ...(row.ended_at === null ? {} : { ended_ms: row.ended_at.getTime() }),
    ...(row.deadline_at === null ? {} : { deadline_ms: row.deadline_at.getTime() }),
    ...(row.cancel_at === null ? {} : { cancel_ms: row.cancel_at.getTime() }),
    ...(row.error === null || row.error === undefined ? {} : { error: row.error }),
  };
}

export type ItemRow = {
  readonly wave: number;
  readonly item: number;
  readonly custom_id: string | null;
  readonly request_id: string;
  /** Postgres gives bigint as text. */
  readonly at: string;
  readonly bytes: number;
  readonly tries: number;
};

export function itemOf({ wave, item, custom_id, request_id, at, bytes, tries }: ItemRow): JobItem {
  const named = custom_id === null ? {} : { custom_id };
  return { wave, item, ...named, request_id, at: Number(at), bytes, tries };
}
