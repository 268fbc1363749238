/**
 * Requests of a tenant that the gateway has taken and that have not ended, the latest first. A view: `job-views.ts` adds them and takes
 * them away; one that has ended and is still here is known by its job view.
 */
import { type RedisClient, withRedis } from "./client.ts";
import { openKey } from "./job-keys.ts";
import type { JobView, RedisJobViews } from "./job-views.ts";

export type OpenRequest = {
  readonly id: string;
  /** When it was taken, epoch ms. */
  readonly received_ms: number;
  /** Undefined where nothing is known of it any more. */
  readonly view: JobView | undefined;
};

export type OpenPage = {
  /** Requests before this place: earlier, or at the same time with a lower id. Left out: from the latest on. */
  readonly before?: { readonly received_ms: number; readonly id: string };
  readonly limit: number;
};

export class OpenRequests {
  readonly #redis: RedisClient;
  readonly #views: RedisJobViews;

  constructor(redis: RedisClient, views: RedisJobViews) {
    this.#redis = redis;
    this.#views = views;
  }

  /** The latest first. @throws retryable while Redis is away. */
  async page(tenant: string, { before, limit }: OpenPage): Promise<OpenRequest[]> {
    const found: { id: string; received_ms: number }[] = [];
    const max = before === undefined ? "+inf" : String(before.received_ms);
    // Requests of the very same millisecond are told apart by their ids, which Redis cannot start from.
    for (let skip = 0; found.length < limit; ) {
      const reply = await withRedis(() =>
        this.#redis.zrevrangebyscore(openKey(tenant), max, "-inf", "WITHSCORES", "LIMIT", skip, limit),
      );
      const entries = pairs(reply);
      found.push(...entries.filter((entry) => before === undefined || isBefore(entry, before)));
      if (entries.length < limit) break;
      skip += entries.length;
    }
    const page = found.slice(0, limit);
    const views = await this.#views.readMany(
      tenant,
      page.map(({ id }) => id),
    );
    return page.map((entry, at) => ({ ...entry, view: views[at] }));
  }

  /** When a request was taken, epoch ms; undefined where it is not among the open ones. */
  async receivedAt(tenant: string, id: string): Promise<number | undefined> {
    const score = await withRedis(() => this.#redis.zscore(openKey(tenant), id));
    return score === null ? undefined : Number(score);
  }

  /** Takes away what has ended without being taken away. */
  async forget(tenant: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await withRedis(() => this.#redis.zrem(openKey(tenant), ...ids));
  }
}

function pairs(reply: readonly string[]): { id: string; received_ms: number }[] {
  return Array.from({ length: reply.length / 2 }, (_, at) => ({
    id: reply[2 * at] as string,
    received_ms: Number(reply[2 * at + 1]),
  }));
}

type Place = { readonly received_ms: number; readonly id: string };

function isBefore(entry: Place, before: Place): boolean {
  if (entry.received_ms !== before.received_ms) return entry.received_ms < before.received_ms;
  return entry.id < before.id;
}
