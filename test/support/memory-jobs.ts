/** Jobs, their leases and items in memory, with results that a test sets: as Postgres has them, and nothing lasts. */
import {
  CLOSED_SUFFIX,
  ENDED_STATUSES,
  type ItemResult,
  type Job,
  type JobError,
  type JobItem,
  type JobKind,
  type JobStatus,
  type JobStore,
  type NewJob,
  type StepEnd,
  type WaveCounts,
} from "../../libs/shared/jobs/job.ts";
import type { JobLeases, Lease, LeasedJob } from "../../libs/shared/jobs/leases.ts";

type Row = {
  job: Job;
  owner?: string | undefined;
  until_ms: number;
  /** Undefined: it is settled. */
  wake_ms: number | undefined;
  tries: number;
  items: JobItem[];
};

export type MemoryResult = {
  readonly status: string;
  readonly cost_nusd?: number;
  /** Left out: whoever asks. */
  readonly tenant?: string;
  /** The Result as JSON text. */
  readonly result?: string;
};

/** JSON columns give new objects each time. */
function copy<T>(value: T): T {
  return structuredClone(value);
}

function statusOf({ status, request_id }: ItemResult): string {
  return status ?? (request_id.endsWith(CLOSED_SUFFIX) ? "closed" : "pending");
}

function inOrder(one: JobItem, other: JobItem): number {
  return one.wave - other.wave || one.item - other.item;
}

export class MemoryJobs implements JobStore, JobLeases {
  readonly #rows = new Map<string, Row>();
  /** By request id. */
  readonly #results = new Map<string, MemoryResult>();

  /** A request has ended. The first result counts. */
  answer(request_id: string, result: MemoryResult): void {
    if (!this.#results.has(request_id)) this.#results.set(request_id, result);
  }

  /** All items of a job, in order. */
  itemsOf(job: string): readonly JobItem[] {
    return copy(this.#rows.get(job)?.items ?? []);
  }

  /** The lease is somebody else's from now on, as after a long pause of whoever held it. */
  steal(job: string): void {
    const row = this.#rows.get(job);
    if (row !== undefined) row.until_ms = 0;
  }

  async create(job: NewJob): Promise<boolean> {
    if (this.#rows.has(job.id)) return false;
    const whole: Job = { ...copy(job), status: "validating", updated_ms: job.created_ms };
    this.#rows.set(job.id, { job: whole, until_ms: 0, wake_ms: job.created_ms, tries: 0, items: [] });
    return true;
  }

  async find(tenant: string, kind: JobKind, id: string): Promise<Job | undefined> {
    const job = this.#rows.get(id)?.job;
    return job?.tenant === tenant && job.kind === kind ? copy(job) : undefined;
  }

  async list(tenant: string, kind: JobKind, page: { readonly after?: string; readonly limit: number }): Promise<Job[]> {
    const jobs = [...this.#rows.values()].map(({ job }) => job);
    const own = jobs.filter((job) => job.tenant === tenant && job.kind === kind);
    own.sort((one, other) => other.created_ms - one.created_ms || (one.id < other.id ? 1 : -1));
    const from = page.after === undefined ? 0 : own.findIndex(({ id }) => id === page.after) + 1;
    if (from === 0 && page.after !== undefined) return [];
    return copy(own.slice(from, from + page.limit));
  }

  async cancel(tenant: string, kind: JobKind, id: string, now_ms: number): Promise<Job | undefined> {
    const row = this.#rows.get(id);
    if (row?.job.tenant !== tenant || row.job.kind !== kind) return undefined;
    if (!ENDED_STATUSES.includes(row.job.status)) {
      row.job = { ...row.job, cancel_ms: row.job.cancel_ms ?? now_ms, updated_ms: now_ms };
      row.wake_ms = now_ms;
    }
    return copy(row.job);
  }

  async reopen(tenant: string, id: string, state: unknown, status: JobStatus, now_ms: number): Promise<boolean> {
    const row = this.#rows.get(id);
    if (row?.job.tenant !== tenant || !ENDED_STATUSES.includes(row.job.status)) return false;
    const { ended_ms: _ended, cancel_ms: _cancel, error: _error, ...job } = row.job;
    row.job = { ...job, state: copy(state), status, updated_ms: now_ms };
    row.owner = undefined;
    row.wake_ms = now_ms;
    row.tries = 0;
    return true;
  }

  async addItems(job: string, items: readonly JobItem[]): Promise<string[]> {
    const row = this.#row(job);
    const taken: string[] = [];
    const places = new Set(row.items.map(({ wave, item }) => `${wave} ${item}`));
    const names = new Set(row.items.map(({ custom_id }) => custom_id));
    for (const item of items) {
      const place = `${item.wave} ${item.item}`;
      if (places.has(place)) continue;
      if (item.custom_id !== undefined && names.has(item.custom_id)) taken.push(item.custom_id);
      else {
        row.items.push(copy(item));
        places.add(place);
        names.add(item.custom_id);
      }
    }
    row.items.sort(inOrder);
    return taken;
  }

  async items(job: string, wave: number, from_item: number, limit: number): Promise<JobItem[]> {
    const items = (this.#rows.get(job)?.items ?? []).filter((one) => one.wave === wave && one.item >= from_item);
    return copy(items.slice(0, limit));
  }

  async results(
    job: Pick<Job, "id" | "tenant">,
    wave: number,
    from_item: number,
    limit: number,
    what: "status" | "result",
    statuses?: readonly string[],
  ): Promise<ItemResult[]> {
    const items = await this.items(job.id, wave, from_item, Number.MAX_SAFE_INTEGER);
    const all = items.map((item): ItemResult => {
      const found = this.#results.get(item.request_id);
      if (found === undefined || (found.tenant ?? job.tenant) !== job.tenant) return item;
      const whole = what === "result" && found.result !== undefined ? { result: found.result } : {};
      return { ...item, status: found.status, ...whole };
    });
    const asked = statuses === undefined ? all : all.filter((item) => statuses.includes(statusOf(item)));
    return asked.slice(0, limit);
  }

  async counts(job: Pick<Job, "id" | "tenant">, wave: number): Promise<WaveCounts> {
    const items = (this.#rows.get(job.id)?.items ?? []).filter((one) => one.wave === wave);
    const requests = new Set(items.map(({ request_id }) => request_id));
    const ended: Record<string, number> = {};
    for (const id of requests) {
      const status = this.#results.get(id)?.status;
      if (status !== undefined) ended[status] = (ended[status] ?? 0) + 1;
    }
    let cost_nusd = 0;
    for (const [id, result] of this.#results) {
      if (id.startsWith(`${job.id}.${wave}.`)) cost_nusd += result.cost_nusd ?? 0;
    }
    return { items: items.length, requests: requests.size, ended, cost_nusd };
  }

  async retryItems(
    job: string,
    items: readonly Pick<JobItem, "wave" | "item" | "request_id" | "tries">[],
  ): Promise<void> {
    const row = this.#row(job);
    for (const again of items) {
      const at = row.items.findIndex(({ wave, item }) => wave === again.wave && item === again.item);
      const { request_id, tries } = again;
      if (at >= 0) row.items[at] = { ...(row.items[at] as JobItem), request_id, tries };
    }
  }

  async lease({ owner, now_ms, until_ms }: Lease, limit: number, woken: readonly string[] = []): Promise<LeasedJob[]> {
    const due = [...this.#rows.values()].filter(
      (row) =>
        row.wake_ms !== undefined &&
        (row.wake_ms <= now_ms || woken.includes(row.job.id)) &&
        (row.owner === undefined || row.until_ms <= now_ms),
    );
    due.sort((one, other) => (one.wake_ms as number) - (other.wake_ms as number));
    return due.slice(0, limit).map((row) => {
      Object.assign(row, { owner, until_ms, tries: row.tries + 1 });
      return { job: copy(row.job), tries: row.tries };
    });
  }

  async renew(id: string, owner: string, until_ms: number): Promise<boolean> {
    const row = this.#held(id, owner);
    if (row !== undefined) row.until_ms = until_ms;
    return row !== undefined;
  }

  async save(
    job: Job,
    owner: string,
    end: StepEnd & { readonly error?: JobError },
    now_ms: number,
  ): Promise<Job | undefined> {
    const row = this.#held(job.id, owner);
    if (row === undefined) return undefined;
    const ended = ENDED_STATUSES.includes(end.status);
    row.job = {
      ...row.job,
      status: end.status,
      state: copy(end.state),
      updated_ms: now_ms,
      ...(ended ? { ended_ms: now_ms } : {}),
      ...(end.error === undefined ? {} : { error: end.error }),
    };
    row.tries = 0;
    const cancelled = row.job.cancel_ms !== job.cancel_ms;
    row.wake_ms = ended || cancelled ? now_ms : now_ms + end.wake_ms;
    if (!ended && end.wake_ms > 0) row.owner = undefined;
    return copy(row.job);
  }

  async giveBack(id: string, owner: string, due_ms: number, counted: boolean): Promise<void> {
    const row = this.#held(id, owner);
    if (row === undefined) return;
    Object.assign(row, { owner: undefined, wake_ms: due_ms, tries: counted ? row.tries : Math.max(0, row.tries - 1) });
  }

  async settle(id: string, owner: string): Promise<void> {
    const row = this.#held(id, owner);
    if (row !== undefined) Object.assign(row, { owner: undefined, wake_ms: undefined });
  }

  async removeEnded(before_ms: number, limit: number): Promise<number> {
    const old = [...this.#rows.values()].filter(
      ({ job, wake_ms }) => wake_ms === undefined && (job.ended_ms ?? before_ms) < before_ms,
    );
    for (const { job } of old.slice(0, limit)) this.#rows.delete(job.id);
    return Math.min(old.length, limit);
  }

  #row(job: string): Row {
    const row = this.#rows.get(job);
    if (row === undefined) throw new Error(`there is no job ${job}`);
    return row;
  }

  #held(id: string, owner: string): Row | undefined {
    const row = this.#rows.get(id);
    return row?.owner === owner ? row : undefined;
  }
}
