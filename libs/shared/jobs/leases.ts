/**
 * Who drives which job. A lease ends by itself, so that a crash holds no job up for long; whoever lost one changes nothing any more,
 * since every write here names the lease and is refused to another's.
 */
import type { Job, JobError, StepEnd } from "./job.ts";

export type Lease = {
  /** New for every lease, so that an earlier one of the same process is another's too. */
  readonly owner: string;
  readonly now_ms: number;
  readonly until_ms: number;
};

export type LeasedJob = {
  readonly job: Job;
  /** Begun since a step was last saved, this time included: what crashes or fails again and again is found by it. */
  readonly tries: number;
};

export interface JobLeases {
  /**
   * Leases jobs that are due and nobody drives, the longest due first, at most `limit`. A job that has ended is due until `settle`: others
   * are still to be told of its end.
   * @param woken ids of jobs that are due whatever they said.
   */
  lease(lease: Lease, limit: number, woken?: readonly string[]): Promise<readonly LeasedJob[]>;
  /** @returns false where it is no longer held. */
  renew(id: string, owner: string, until_ms: number): Promise<boolean>;
  /**
   * Writes down what a step did. The lease stays for a step that wants to go on at once (`wake_ms` 0) and for one that ended the job; else
   * it is given back, and the job is due after `wake_ms`, or at once where it was cancelled during the step.
   * @returns the job as it is now; undefined where the lease is no longer held: then nothing is changed.
   */
  save(job: Job, owner: string, end: StepEnd & { readonly error?: JobError }, now_ms: number): Promise<Job | undefined>;
  /** Gives the lease back without a step. @param counted whether the try counts as one that failed. */
  giveBack(id: string, owner: string, due_ms: number, counted: boolean): Promise<void>;
  /** Whoever is to be told of the job's end has been: it is not driven any more. */
  settle(id: string, owner: string): Promise<void>;
  /** Removes settled jobs that ended before, with their items, at most `limit`. @returns how many. */
  removeEnded(before_ms: number, limit: number): Promise<number>;
}
