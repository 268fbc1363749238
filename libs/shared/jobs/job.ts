/**
 * A job: a batch or a map-reduce, that becomes many requests on the topics. What was asked for (`spec`) never changes; `state` is what
 * its driver knows, of each kind its own. Whoever drives it does so in steps that may be done again: a crash loses no step but the last.
 */

export type JobKind = "batch" | "map_reduce";

/** As OpenAI's batches have them. */
export const JOB_STATUSES = [
  "validating",
  "in_progress",
  "finalizing",
  "completed",
  "failed",
  "expired",
  "cancelling",
  "cancelled",
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export const ENDED_STATUSES: readonly JobStatus[] = ["completed", "failed", "expired", "cancelled"];

/** Why a job came to an end that its driver did not choose. */
export type JobError = { readonly code: string; readonly message: string };

export type Job<Spec = unknown, State = unknown> = {
  readonly id: string;
  readonly tenant: string;
  readonly kind: JobKind;
  readonly status: JobStatus;
  readonly spec: Spec;
  readonly state: State;
  /** Of the API key that asked for it: its requests count for that key's limits. */
  readonly key_id?: string;
  readonly created_ms: number;
  readonly updated_ms: number;
  readonly ended_ms?: number;
  readonly deadline_ms?: number;
  /** When somebody wanted it to end. */
  readonly cancel_ms?: number;
  /** Of a job that failed because its driver did. */
  readonly error?: JobError;
};

export type NewJob<Spec = unknown, State = unknown> = Pick<
  Job<Spec, State>,
  "id" | "tenant" | "kind" | "spec" | "state" | "key_id" | "created_ms" | "deadline_ms"
>;

/** What a step changed. The job is driven again after `wake_ms`, at once for 0. */
export type StepEnd<State = unknown> = {
  readonly status: JobStatus;
  readonly state: State;
  readonly wake_ms: number;
  /** For whoever follows the job; told in order, once each. Left out: nobody is told. */
  readonly progress?: object;
};

/** How a kind of job goes on. */
export interface JobDriver<Spec = unknown, State = unknown> {
  /**
   * One bounded piece of work: seconds at the most. What it did must be safe to do again, from the same `job`. Throws retryable errors
   * while a part is away. Cancelled and overdue jobs come here too: it looks at `cancel_ms` and `deadline_ms`.
   */
  step(job: Job<Spec, State>, stopping: AbortSignal): Promise<StepEnd<State>>;
}

/** One request of a job (`sluice_job_items`). */
export type JobItem = {
  readonly wave: number;
  readonly item: number;
  readonly custom_id?: string;
  readonly request_id: string;
  readonly at: number;
  readonly bytes: number;
  readonly tries: number;
};

/** How the requests of a wave stand, each shared request counted once. Costs are of all its tries. */
export type WaveCounts = {
  readonly items: number;
  readonly requests: number;
  /** By the status of their results. */
  readonly ended: Readonly<Record<string, number>>;
  readonly cost_nusd: number;
};

/** An item with what became of its request, where there is a result. */
export type ItemResult = JobItem & {
  readonly status?: string;
  /** The Result as JSON text; only where it was asked for. */
  readonly result?: string;
};

/** The rows of jobs and their items. */
export interface JobStore {
  /** @returns false where the id is there already: then nothing is changed. */
  create(job: NewJob): Promise<boolean>;
  find(tenant: string, kind: JobKind, id: string): Promise<Job | undefined>;
  /** The latest first. @param after the id that the page before ended with. */
  list(
    tenant: string,
    kind: JobKind,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly Job[]>;
  /** Notes that it is to end and wakes its driver; what has ended stays as it is. @returns the job as it is now. */
  cancel(tenant: string, kind: JobKind, id: string, now_ms: number): Promise<Job | undefined>;
  /** An ended job is driven again, from this state. @returns false where it had not ended. */
  reopen(tenant: string, id: string, state: unknown, status: JobStatus, now_ms: number): Promise<boolean>;
  /** Adds items, or leaves those that are there. @returns custom ids that another item of the job has already; those are not added. */
  addItems(job: string, items: readonly JobItem[]): Promise<readonly string[]>;
  /** In order. */
  items(job: string, wave: number, from_item: number, limit: number): Promise<readonly JobItem[]>;
  /**
   * In order, with what became of them.
   * @param what `status` alone, or the whole Result.
   * @param statuses of results; and `pending` of items that have none yet, `closed` of those that were given up (`CLOSED_SUFFIX`).
   */
  results(
    job: Pick<Job, "id" | "tenant">,
    wave: number,
    from_item: number,
    limit: number,
    what: "status" | "result",
    statuses?: readonly string[],
  ): Promise<readonly ItemResult[]>;
  counts(job: Pick<Job, "id" | "tenant">, wave: number): Promise<WaveCounts>;
  /** Items are asked again, as new requests. */
  retryItems(job: string, items: readonly Pick<JobItem, "wave" | "item" | "request_id" | "tries">[]): Promise<void>;
}

/** The status as people see it: cancelling from when somebody asked for it until it has ended. Pure. */
export function shownStatus({ status, cancel_ms }: Pick<Job, "status" | "cancel_ms">): JobStatus {
  return cancel_ms === undefined || ENDED_STATUSES.includes(status) ? status : "cancelling";
}

/** What the request ids of items end in that were given up without a result: what comes later is nobody's. */
export const CLOSED_SUFFIX = ".closed";

/** The request that was asked for an item, given up or not. Pure. */
export function askedId({ request_id }: Pick<JobItem, "request_id">): string {
  return request_id.endsWith(CLOSED_SUFFIX) ? request_id.slice(0, -CLOSED_SUFFIX.length) : request_id;
}

/** The id of a job's request. Tries after the first are requests of their own. Pure. */
export function jobRequestId(job: string, wave: number, item: number, tries = 1): string {
  const again = tries === 1 ? "" : `.t${tries}`;
  return `${job}.${wave}.${item}${again}`;
}
