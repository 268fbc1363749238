/**
 * Reads what is new in the streams of requests, for all who follow one in this process: reads that are asked for while a round trip is
 * under way go together in the next. One at a time and of bounded size, so that what is in memory at once does not grow with the number of readers.
 */
import { unavailable } from "../../../libs/shared/errors.ts";
import type { RedisClient } from "../../../libs/shared/redis/client.ts";
import { streamKey } from "../../../libs/shared/redis/job-keys.ts";
import { readStateEntry, statesKey } from "../../../libs/shared/redis/request-events.ts";
import { readTokenEntry } from "../../../libs/shared/redis/token-events.ts";
import type { StreamReader } from "./contract.ts";

type Entry = readonly [id: string, fields: readonly string[]];
type Read = {
  readonly key: string;
  readonly after: string | undefined;
  readonly limit: number;
  /** Entries that it may well bring. */
  readonly expected: number;
  readonly done: PromiseWithResolvers<readonly Entry[]>;
};

/** Of one round trip. */
const READS_MAX = 64;
const ENTRIES_MAX = 4_000;
/** A stream of states is cut to its length only roughly (`request-events.ts`), and most have few. */
const STATES_MAX = 1_000;
const STATES_EXPECTED = 10;

export class RedisStreamReader implements StreamReader {
  readonly #redis: RedisClient;
  /** Asked for and not yet sent, the oldest first: at most what each reader waits for. */
  #waiting: Read[] = [];
  #under_way = false;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async states(tenant: string, id: string, after?: string): ReturnType<StreamReader["states"]> {
    const entries = await this.#read(statesKey(tenant, id), after, STATES_MAX, STATES_EXPECTED);
    return entries.flatMap(([entry_id, fields]) => {
      const state = readStateEntry(fields);
      return state === undefined ? [] : [{ id: entry_id, state }];
    });
  }

  async tokens(
    tenant: string,
    id: string,
    after: string | undefined,
    limit: number,
  ): ReturnType<StreamReader["tokens"]> {
    const entries = await this.#read(streamKey(tenant, id), after, limit, limit);
    return entries.flatMap(([entry_id, fields]) => {
      const event = readTokenEntry(fields);
      return event === undefined ? [] : [{ id: entry_id, event }];
    });
  }

  #read(key: string, after: string | undefined, limit: number, expected: number): Promise<readonly Entry[]> {
    const done = Promise.withResolvers<readonly Entry[]>();
    this.#waiting.push({ key, after, limit, expected, done });
    this.#schedule();
    return done.promise;
  }

  #schedule(): void {
    if (this.#under_way || this.#waiting.length === 0) return;
    this.#under_way = true;
    setImmediate(async () => {
      await this.#trip(this.#take());
      this.#under_way = false;
      this.#schedule();
    });
  }

  #take(): readonly Read[] {
    let entries = 0;
    let reads = 0;
    for (const { expected } of this.#waiting) {
      if (reads >= READS_MAX || (reads > 0 && entries + expected > ENTRIES_MAX)) break;
      entries += expected;
      reads += 1;
    }
    const taken = this.#waiting.slice(0, reads);
    this.#waiting = this.#waiting.slice(reads);
    return taken;
  }

  /** Never rejects: each read has its own end. */
  async #trip(reads: readonly Read[]): Promise<void> {
    try {
      const pipeline = this.#redis.pipeline();
      for (const { key, after, limit } of reads) {
        pipeline.xrange(key, after === undefined ? "-" : `(${after}`, "+", "COUNT", limit);
      }
      const replies = (await pipeline.exec()) ?? [];
      reads.forEach(({ done }, at) => {
        const [error, entries] = replies[at] ?? [new Error("the pipeline was discarded")];
        if (error === null) done.resolve(entries as Entry[]);
        else done.reject(unavailable("redis", error));
      });
    } catch (error) {
      for (const { done } of reads) done.reject(unavailable("redis", error));
    }
  }
}
