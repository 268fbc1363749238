/** The attempt ledger's storage as a contract: compare-and-swap on small entries, and who lives. */

/** Names a job's entry: other content under the same id is another job, and so is another hop. */
export type JobName = {
  readonly tenant: string;
  readonly id: string;
  readonly content_hash: string;
  readonly hop?: number | undefined;
};

export type Swap = {
  readonly job: JobName;
  /** The head line that must be there, "" for nothing. */
  readonly expected: string;
  readonly next: Buffer;
  readonly ttl_ms: number;
  /** Added to the tenant's totals with the swap: calls with unknown answers, and what they may have cost. */
  readonly counts?: { readonly unknown_calls: number; readonly duplicate_nusd: number };
};

export interface AttemptStore {
  /** @returns undefined when swapped, else the entry that is there ("" for none). Rejects (retryable) while the store is away. */
  swap(swap: Swap): Promise<string | undefined>;
  /** The entry as it stands, "" for none. */
  read(job: JobName): Promise<string>;
  /** Whether the worker has given a sign of life lately. */
  isAlive(instance: string): Promise<boolean>;
}
