/** Writes what services tell of requests and jobs (`request-events.ts`) into Redis. */
import type { Settings } from "../config/schema.ts";
import type { Log } from "../log.ts";
import { pipelineReplies, type RedisClient, withRedis } from "./client.ts";
import { STATES_MAX, statesKey, type Tell, type Told, wakeChannel } from "./request-events.ts";

const MINUTE_MS = 60_000;

/** As the settings have it: states are kept as long as tokens. */
export function requestStates(redis: RedisClient, settings: Pick<Settings, "redis" | "inference">): RequestStates {
  return new RequestStates(redis, settings.redis.key_prefix, settings.inference.stream.ttl_minutes * MINUTE_MS);
}

export class RequestStates {
  readonly #redis: RedisClient;
  readonly #key_prefix: string;
  readonly #ttl_ms: number;

  constructor(redis: RedisClient, key_prefix: string, ttl_ms: number) {
    this.#redis = redis;
    this.#key_prefix = key_prefix;
    this.#ttl_ms = ttl_ms;
  }

  /** For services, whose work goes on whether anybody hears of it or not. */
  quietly(log: Log): Tell {
    return (told) => this.tell(told).catch((error: unknown) => log.debug({ error }, "states could not be told"));
  }

  /** In one round trip. Rejects (retryable) while Redis is away. */
  async tell(told: readonly Told[]): Promise<void> {
    if (told.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const { tenant, id, state } of told) {
      const key = statesKey(tenant, id);
      pipeline.xadd(key, "MAXLEN", "~", STATES_MAX, "*", "data", JSON.stringify(state));
      pipeline.pexpire(key, this.#ttl_ms);
      pipeline.publish(wakeChannel(this.#key_prefix, tenant, id), "");
    }
    await withRedis(async () => pipelineReplies(await pipeline.exec()));
  }
}
