/** How far a job is, as whoever follows it is told. */
import type { Clock } from "../../libs/shared/clock.ts";
import { type BatchJob, batchProgress } from "../../libs/shared/jobs/batch.ts";
import { ENDED_STATUSES, type Job, type JobStore } from "../../libs/shared/jobs/job.ts";
import type { MapReduceSpec, MapReduceState } from "../../libs/shared/map-reduce/job.ts";
import { progressOf } from "../../libs/shared/map-reduce/progress.ts";
import type { JobProgress } from "../../libs/shared/redis/request-events.ts";

/** Undefined where the tenant has no such job. */
export function jobProgress(
  jobs: Pick<JobStore, "find">,
  clock: Clock,
): (tenant: string, id: string) => Promise<JobProgress | undefined> {
  return async (tenant, id) => {
    const job = (await jobs.find(tenant, "batch", id)) ?? (await jobs.find(tenant, "map_reduce", id));
    if (job === undefined) return undefined;
    const { status, ended_ms } = job;
    const state = ENDED_STATUSES.includes(status) ? "ended" : "progress";
    const stands = { state, ...(state === "ended" && ended_ms !== undefined ? { ended_ms } : {}) } as const;
    if (job.kind === "batch") return { ...batchProgress(job as BatchJob), ...stands };
    return { status, ...progressOf(job as Job<MapReduceSpec, MapReduceState>, clock.now_ms()), ...stands };
  };
}
