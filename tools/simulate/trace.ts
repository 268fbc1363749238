/** What happened in a run: a hash that two runs of one seed share, counts, and (when asked) the lines themselves. */

export type TraceLine = {
  readonly at_ms: number;
  readonly who: string;
  readonly what: string;
  /** The record this is about, as its tenant and id, or its place in the log. */
  readonly subject: string;
};

export type Counts = {
  crashes: number;
  restarts: number;
  stalls: number;
  rebalances: number;
  zombies: number;
  /** Consumers that fell silent, and those that the watchdog started again. */
  silences: number;
  watchdog_restarts: number;
  redelivered: number;
  lost_requests: number;
  lost_responses: number;
  late_requests: number;
  commits: number;
  commits_refused: number;
  transactions: number;
  transactions_aborted: number;
  fenced: number;
  records: number;
  /** What ingest let through, refused and deferred, repeats included, and how often counters were given a new life. */
  admitted: number;
  refused: number;
  deferred: number;
  counters_restored: number;
  /** Requests that the cache answered. */
  hits_exact: number;
  hits_semantic: number;
  hits_coalesced: number;
  /** How often a router put the cache's answers back into Redis, or found that another does. */
  cache_restored: number;
};

export function noCounts(): Counts {
  return {
    crashes: 0,
    restarts: 0,
    stalls: 0,
    rebalances: 0,
    zombies: 0,
    silences: 0,
    watchdog_restarts: 0,
    redelivered: 0,
    lost_requests: 0,
    lost_responses: 0,
    late_requests: 0,
    commits: 0,
    commits_refused: 0,
    transactions: 0,
    transactions_aborted: 0,
    fenced: 0,
    records: 0,
    admitted: 0,
    refused: 0,
    deferred: 0,
    counters_restored: 0,
    hits_exact: 0,
    hits_semantic: 0,
    hits_coalesced: 0,
    cache_restored: 0,
  };
}

export class Trace {
  readonly counts = noCounts();
  readonly #now_ms: () => number;
  readonly #lines: TraceLine[] | undefined;
  #hash = 0x811c9dc5;

  /** @param keep Keeps every line, for the trail of a broken run; the hash needs none of them. */
  constructor(now_ms: () => number, keep: boolean) {
    this.#now_ms = now_ms;
    this.#lines = keep ? [] : undefined;
  }

  note(who: string, what: string, subject = ""): void {
    const at_ms = this.#now_ms();
    this.#mix(who);
    this.#mix(what);
    this.#mix(subject);
    this.#hash = Math.imul(this.#hash ^ (at_ms % 0x7fffffff), 0x01000193);
    this.#lines?.push({ at_ms, who, what, subject });
  }

  /** True when lines are kept: only then is it worth finding out what a record is about. */
  get kept(): boolean {
    return this.#lines !== undefined;
  }

  get lines(): readonly TraceLine[] {
    return this.#lines ?? [];
  }

  /** FNV-1a over all that was noted, in hex. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  #mix(text: string): void {
    let hash = this.#hash;
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    this.#hash = hash;
  }
}
