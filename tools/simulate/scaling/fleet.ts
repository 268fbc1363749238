/**
 * A topic and its workers in virtual time, record by record: a queue for each partition, workers that need time to start, places in each for
 * records under way, a pause of all whenever members change (every member gives its partitions up), and a provider that lets only so much through.
 * Membership moves on whole seconds; arrivals and ends at their own times. Pure.
 */
import { Ends } from "./ends.ts";
import type { Trace } from "./traffic.ts";

export type FleetOptions = {
  readonly partitions: number;
  /** Records that one worker has under way at the most. */
  readonly places: number;
  /** From asked for to member. It costs worker time too. */
  readonly start_up_ms: number;
  readonly rebalance_ms: number;
  /** Calls a second of all workers together; undefined: no limit. */
  readonly provider_per_s?: number;
  /** A record that ends older than this is late. */
  readonly target_age_ms: number;
  readonly replicas: number;
};

/** What can be seen from outside: sums since the start, and how it stands. */
export type FleetView = {
  readonly members: number;
  readonly starting: number;
  readonly lag: number;
  readonly oldest_age_ms: number;
  readonly arrived: number;
  readonly done: number;
  readonly busy: number;
  /** Sum of the times that ended records were under way, with their wait for the provider. */
  readonly under_way_ms: number;
  readonly provider_wait_ms: number;
};

type Worker = {
  readonly ready_ms: number;
  state: "starting" | "member" | "leaving";
  busy: number;
  partitions: number[];
};

export class Fleet {
  readonly #trace: Trace;
  readonly #options: FleetOptions;
  readonly #ends = new Ends();
  /** Records of each partition in order, and how far each is: arrived, started, done without a gap. */
  readonly #records: readonly number[][];
  readonly #arrived: number[];
  readonly #started: number[];
  readonly #committed: number[];
  readonly #is_done: Uint8Array;
  readonly #began_ms: Float64Array;
  readonly #worker_of: (Worker | undefined)[];
  readonly #owner: (Worker | undefined)[];
  #workers: Worker[] = [];
  #now_ms = 0;
  #next = 0;
  #rebalanced_ms: number | undefined;
  #provider_free_ms = 0;
  #done = 0;
  #under_way_ms = 0;
  #provider_wait_ms = 0;
  late = 0;
  worker_ms = 0;

  constructor(trace: Trace, options: FleetOptions) {
    const { partitions, replicas } = options;
    this.#trace = trace;
    this.#options = options;
    this.#records = Array.from({ length: partitions }, () => []);
    trace.partition.forEach((partition, record) => {
      this.#records[partition]?.push(record);
    });
    const zeros = (): number[] => Array.from({ length: partitions }, () => 0);
    [this.#arrived, this.#started, this.#committed] = [zeros(), zeros(), zeros()];
    this.#is_done = new Uint8Array(trace.at_ms.length);
    this.#began_ms = new Float64Array(trace.at_ms.length);
    this.#worker_of = new Array(trace.at_ms.length);
    this.#owner = new Array(partitions);
    for (let index = 0; index < replicas; index += 1) {
      this.#workers.push({ ready_ms: 0, state: "member", busy: 0, partitions: [] });
    }
    this.#assign();
  }

  get unfinished(): number {
    return this.#trace.at_ms.length - this.#done;
  }

  /** Runs one second. */
  second(): void {
    const to_ms = this.#now_ms + 1_000;
    for (;;) {
      const arrival_ms = this.#trace.at_ms[this.#next] ?? Number.POSITIVE_INFINITY;
      const end_ms = this.#ends.next_ms;
      if (Math.min(arrival_ms, end_ms) > to_ms) break;
      if (arrival_ms <= end_ms) this.#arrive(arrival_ms);
      else this.#end(end_ms);
    }
    this.#now_ms = to_ms;
    if (to_ms <= this.#trace.duration_ms) this.worker_ms += 1_000 * this.#workers.length;
    this.#members();
    this.#commit();
  }

  /** Asks for so many workers. Those that are still starting go first, then the youngest. */
  resize(replicas: number): void {
    const staying = this.#workers.filter(({ state }) => state !== "leaving");
    for (let count = staying.length; count < replicas; count += 1) {
      const ready_ms = this.#now_ms + this.#options.start_up_ms;
      this.#workers.push({ ready_ms, state: "starting", busy: 0, partitions: [] });
    }
    for (const worker of staying.slice(replicas)) {
      if (worker.state === "member") this.#rebalanced_ms = this.#now_ms + this.#options.rebalance_ms;
      worker.state = "leaving";
    }
    this.#workers = this.#workers.filter(({ state, busy }) => state !== "leaving" || busy > 0);
  }

  view(): FleetView {
    const count = (wanted: Worker["state"]): number => this.#workers.filter(({ state }) => state === wanted).length;
    let lag = 0;
    let oldest_ms = this.#now_ms;
    this.#records.forEach((records, partition) => {
      const committed = this.#committed[partition] ?? 0;
      const arrived = this.#arrived[partition] ?? 0;
      lag += arrived - committed;
      if (arrived > committed)
        oldest_ms = Math.min(oldest_ms, this.#trace.at_ms[records[committed] as number] as number);
    });
    return {
      members: count("member"),
      starting: count("starting"),
      lag,
      oldest_age_ms: this.#now_ms - oldest_ms,
      arrived: this.#next,
      done: this.#done,
      busy: this.#workers.reduce((sum, { busy, state }) => sum + (state === "member" ? busy : 0), 0),
      under_way_ms: this.#under_way_ms,
      provider_wait_ms: this.#provider_wait_ms,
    };
  }

  #arrive(now_ms: number): void {
    const partition = this.#trace.partition[this.#next] as number;
    this.#next += 1;
    (this.#arrived[partition] as number) += 1;
    const owner = this.#owner[partition];
    if (owner !== undefined) this.#fill(owner, now_ms);
  }

  #end(now_ms: number): void {
    const record = this.#ends.pop();
    const worker = this.#worker_of[record] as Worker;
    this.#worker_of[record] = undefined;
    this.#is_done[record] = 1;
    this.#done += 1;
    this.#under_way_ms += now_ms - (this.#began_ms[record] as number);
    if (now_ms - (this.#trace.at_ms[record] as number) > this.#options.target_age_ms) this.late += 1;
    worker.busy -= 1;
    this.#fill(worker, now_ms);
  }

  /** Starts what waits, the oldest first, while there are places. Nothing starts while members change. */
  #fill(worker: Worker, now_ms: number): void {
    if (this.#rebalanced_ms !== undefined || worker.state !== "member") return;
    while (worker.busy < this.#options.places) {
      let oldest = Number.POSITIVE_INFINITY;
      let from = -1;
      for (const partition of worker.partitions) {
        const started = this.#started[partition] as number;
        if (started === this.#arrived[partition]) continue;
        const record = this.#records[partition]?.[started] as number;
        if (record < oldest) [oldest, from] = [record, partition];
      }
      if (from < 0) return;
      (this.#started[from] as number) += 1;
      this.#start(worker, oldest, now_ms);
    }
  }

  #start(worker: Worker, record: number, now_ms: number): void {
    const { provider_per_s } = this.#options;
    let call_ms = now_ms;
    if (provider_per_s !== undefined) {
      call_ms = Math.max(now_ms, this.#provider_free_ms);
      this.#provider_free_ms = call_ms + 1_000 / provider_per_s;
      this.#provider_wait_ms += call_ms - now_ms;
    }
    worker.busy += 1;
    this.#worker_of[record] = worker;
    this.#began_ms[record] = now_ms;
    this.#ends.push(call_ms + (this.#trace.service_ms[record] as number), record);
  }

  #members(): void {
    for (const worker of this.#workers) {
      if (worker.state !== "starting" || worker.ready_ms > this.#now_ms) continue;
      worker.state = "member";
      this.#rebalanced_ms = this.#now_ms + this.#options.rebalance_ms;
    }
    this.#workers = this.#workers.filter(({ state, busy }) => state !== "leaving" || busy > 0);
    if (this.#rebalanced_ms === undefined || this.#rebalanced_ms > this.#now_ms) return;
    this.#rebalanced_ms = undefined;
    this.#assign();
    for (const worker of this.#workers) this.#fill(worker, this.#now_ms);
  }

  #assign(): void {
    const members = this.#workers.filter(({ state }) => state === "member");
    for (const worker of this.#workers) worker.partitions = [];
    for (let partition = 0; partition < this.#options.partitions; partition += 1) {
      const owner = members[partition % Math.max(1, members.length)];
      this.#owner[partition] = owner;
      owner?.partitions.push(partition);
    }
  }

  /** Offsets are committed in order, once a second. */
  #commit(): void {
    this.#records.forEach((records, partition) => {
      let committed = this.#committed[partition] as number;
      while (committed < records.length && this.#is_done[records[committed] as number] === 1) committed += 1;
      this.#committed[partition] = committed;
    });
  }
}
