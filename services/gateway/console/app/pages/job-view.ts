/** Jobs as the page shows them, from each of the API's three shapes: the administrators' list, OpenAI's batch, and a map-reduce. Pure. */
export type JobKind = "batch" | "map_reduce";

/** Times are epoch seconds. */
export type Job = {
  readonly id: string;
  readonly tenant?: string;
  readonly kind: JobKind;
  readonly status: string;
  readonly created_at: number;
  readonly ended_at: number | null;
  readonly expires_at: number | null;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly text: string;
  readonly eta_s: number | null;
  readonly cost_usd: number;
  readonly budget_usd: number | null;
  readonly raw: object;
};

type Batch = {
  readonly object: "batch";
  readonly id: string;
  readonly status: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly completed_at: number | null;
  readonly failed_at: number | null;
  readonly expired_at: number | null;
  readonly cancelled_at: number | null;
  readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly sluice: { readonly cost_usd: number };
};

type Counts = { readonly total: number; readonly done: number; readonly failed: number };
type MapReduce = Pick<Job, "id" | "status" | "created_at" | "expires_at" | "ended_at" | "cost_usd" | "budget_usd"> & {
  readonly object: "map_reduce";
  readonly progress: {
    readonly text: string;
    readonly map: Counts;
    readonly waves: readonly Counts[];
    readonly eta_s: number | null;
  };
};

export function jobOf(found: object): Job {
  const named = found as { readonly object: string };
  if (named.object === "batch") return ofBatch(found as Batch);
  if (named.object === "map_reduce") return ofMapReduce(found as MapReduce);
  return { ...(found as Job), raw: found };
}

function ofBatch(batch: Batch): Job {
  const { total, completed: done, failed } = batch.request_counts;
  const { id, status, created_at, expires_at } = batch;
  const ended_at = batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;
  return {
    ...{ id, kind: "batch", status, created_at, expires_at, ended_at, total, done, failed, text: "", eta_s: null },
    ...{ cost_usd: batch.sluice.cost_usd, budget_usd: null, raw: batch },
  };
}

function ofMapReduce(job: MapReduce): Job {
  const { id, status, created_at, expires_at, ended_at, cost_usd, budget_usd } = job;
  const { text, map, waves, eta_s } = job.progress;
  const sum = (of: keyof Counts): number => [map, ...waves].reduce((all, wave) => all + wave[of], 0);
  return {
    ...{ id, kind: "map_reduce", status, created_at, expires_at, ended_at, text, eta_s, cost_usd, budget_usd },
    ...{ total: sum("total"), done: sum("done"), failed: sum("failed"), raw: job },
  };
}
