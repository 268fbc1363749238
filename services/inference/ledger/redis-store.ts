/**
 * The attempt ledger in Redis: one string per job. What is asked for while a round trip is under way goes together in the next one: under
 * load many swaps share one, and a single one waits for nothing.
 */
import { SluiceError } from "../../../libs/shared/errors.ts";
import { attemptKey } from "../../../libs/shared/redis/attempt-entry.ts";
import { type RedisClient, withRedis } from "../../../libs/shared/redis/client.ts";
import { ledgerTotalsKey } from "../../../libs/shared/redis/ledger-totals.ts";
import type { AttemptStore, JobName, Swap } from "./store.ts";

/** Compares the first line only: the answer behind it may be long. */
const SCRIPT = `
local there = redis.call("GET", KEYS[1]) or ""
local head = string.match(there, "^[^\\n]*")
if head ~= ARGV[1] then return there end
redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
if ARGV[4] ~= "0" then redis.call("HINCRBY", KEYS[2], "unknown_calls", ARGV[4]) end
if ARGV[5] ~= "0" then redis.call("HINCRBY", KEYS[2], "duplicate_nusd", ARGV[5]) end
return false`;

type LedgerPipeline = {
  sluiceSwap(...args: (string | Buffer)[]): void;
  exec(): Promise<[Error | null, unknown][] | null>;
};

type Pending = {
  readonly swap: Swap;
  readonly resolve: (seen: string | undefined) => void;
  readonly reject: (error: unknown) => void;
};

/** Of one round trip. */
const SWAPS_MAX = 500;

function workerKey(instance: string): string {
  return `worker:${instance}`;
}

export class RedisAttemptStore implements AttemptStore {
  readonly #redis: RedisClient;
  #pending: Pending[] = [];
  #sending: Promise<void> | undefined;

  constructor(redis: RedisClient) {
    redis.defineCommand("sluiceSwap", { numberOfKeys: 2, lua: SCRIPT });
    this.#redis = redis;
  }

  swap(swap: Swap): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ swap, resolve, reject });
      this.#sending ??= this.#drain();
    });
  }

  async read(job: JobName): Promise<string> {
    return (await withRedis(() => this.#redis.get(attemptKey(job)))) ?? "";
  }

  async isAlive(instance: string): Promise<boolean> {
    return (await withRedis(() => this.#redis.exists(workerKey(instance)))) === 1;
  }

  /** A sign of life of this process, for `ttl_ms`. */
  async beat(instance: string, ttl_ms: number): Promise<void> {
    await withRedis(() => this.#redis.set(workerKey(instance), "1", "PX", ttl_ms));
  }

  /** A process that ends well says so: its runs need not be waited for. */
  async leave(instance: string): Promise<void> {
    await withRedis(() => this.#redis.del(workerKey(instance)));
  }

  async #drain(): Promise<void> {
    // With all else of this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0) await this.#send(this.#pending.splice(0, SWAPS_MAX));
    this.#sending = undefined;
  }

  async #send(sent: readonly Pending[]): Promise<void> {
    try {
      const pipeline = this.#redis.pipeline() as unknown as LedgerPipeline;
      for (const { swap } of sent) {
        const { job, expected, next, ttl_ms, counts } = swap;
        const { unknown_calls, duplicate_nusd } = counts ?? { unknown_calls: 0, duplicate_nusd: 0 };
        const keys = [attemptKey(job), ledgerTotalsKey(job.tenant)];
        pipeline.sluiceSwap(...keys, expected, next, String(ttl_ms), String(unknown_calls), String(duplicate_nusd));
      }
      const replies = await withRedis(() => pipeline.exec());
      for (const [index, { resolve, reject }] of sent.entries()) {
        const [error, seen] = replies?.[index] ?? [new Error("no reply"), undefined];
        if (error === null) resolve((seen as string | null) ?? undefined);
        else reject(new SluiceError("dependency_unavailable", `redis: ${error.message}`, { retryable: true }));
      }
    } catch (error) {
      for (const { reject } of sent) reject(error);
    }
  }
}
