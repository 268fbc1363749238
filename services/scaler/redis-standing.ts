/** The leader's word in Redis, for those who stand by and for the next leader. */
import { type RedisClient, withRedis } from "../../libs/shared/redis/client.ts";
import type { StandingStore } from "./rounds.ts";
import type { Standing } from "./standing.ts";

const KEY = "scaler:standing";

export class RedisStanding implements StandingStore {
  readonly #redis: RedisClient;
  readonly #ttl_ms: number;

  /** @param ttl_ms what is older says nothing of now. */
  constructor(redis: RedisClient, ttl_ms: number) {
    this.#redis = redis;
    this.#ttl_ms = ttl_ms;
  }

  async read(): Promise<Standing | undefined> {
    const text = await withRedis(() => this.#redis.get(KEY));
    return text === null ? undefined : (JSON.parse(text) as Standing);
  }

  async write(standing: Standing): Promise<void> {
    await withRedis(() => this.#redis.set(KEY, JSON.stringify(standing), "PX", this.#ttl_ms));
  }
}
