/** The attempt ledger's store in memory: swaps as in Redis, outages, and replies that are lost after the effect. */
import { unavailable } from "../../libs/shared/errors.ts";
import { headLineOf } from "../../libs/shared/redis/attempt-entry.ts";
import type { AttemptStore, JobName, Swap } from "../../services/inference/ledger/store.ts";

export class MemoryAttempts implements AttemptStore {
  readonly entries = new Map<string, string>();
  /** Every swap asked for. */
  readonly swaps: Swap[] = [];
  /** Instances that give signs of life. */
  readonly alive = new Set<string>();
  away = false;
  /** Replies to so many next swaps are lost. */
  lose = 0;
  totals = { unknown_calls: 0, duplicate_nusd: 0 };

  async swap(swap: Swap): Promise<string | undefined> {
    this.#check();
    this.swaps.push(swap);
    const { job, expected, next, counts } = swap;
    const there = this.entry(job);
    const swapped = headLineOf(there) === expected;
    if (swapped) {
      this.entries.set(nameOf(job), next.toString());
      this.totals = {
        unknown_calls: this.totals.unknown_calls + (counts?.unknown_calls ?? 0),
        duplicate_nusd: this.totals.duplicate_nusd + (counts?.duplicate_nusd ?? 0),
      };
    }
    if (this.lose > 0) {
      this.lose -= 1;
      throw unavailable("redis", new Error("connection reset"));
    }
    return swapped ? undefined : there;
  }

  async read(job: JobName): Promise<string> {
    this.#check();
    return this.entry(job);
  }

  async isAlive(instance: string): Promise<boolean> {
    this.#check();
    return this.alive.has(instance);
  }

  entry(job: JobName): string {
    return this.entries.get(nameOf(job)) ?? "";
  }

  set(job: JobName, entry: string): void {
    this.entries.set(nameOf(job), entry);
  }

  #check(): void {
    if (this.away) throw unavailable("redis", new Error("connection refused"));
  }
}

function nameOf({ tenant, id, content_hash, hop = 0 }: JobName): string {
  return `${tenant} ${id} ${content_hash}${hop === 0 ? "" : ` ${hop}`}`;
}
