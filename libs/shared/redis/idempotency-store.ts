/** Idempotency keys in Redis, as the gateway claims them. */
import { type RedisClient, withRedis } from "./client.ts";
import { holderText, idempotencyHash, idempotencyKey, type KeyHolder, readHolder } from "./idempotency.ts";

export interface IdempotencyStore {
  /**
   * Gives the key to `holder`, unless it has another than `instead_of` already.
   * @returns undefined when it is given, else who has it. Rejects (retryable) while the store is away.
   */
  claim(tenant: string, key: string, holder: KeyHolder, instead_of?: KeyHolder): Promise<KeyHolder | undefined>;
}

/** In one step: two that come at once agree on who was first. */
const SCRIPT = `
local there = redis.call("GET", KEYS[1])
if there and there ~= ARGV[3] then return there end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return false`;

type Commands = { sluiceIdempotent(...args: string[]): Promise<string | null> };

export class RedisIdempotency implements IdempotencyStore {
  readonly #redis: RedisClient;
  readonly #ttl_ms: number;

  constructor(redis: RedisClient, ttl_ms: number) {
    redis.defineCommand("sluiceIdempotent", { numberOfKeys: 1, lua: SCRIPT });
    this.#redis = redis;
    this.#ttl_ms = ttl_ms;
  }

  async claim(tenant: string, key: string, holder: KeyHolder, instead_of?: KeyHolder): Promise<KeyHolder | undefined> {
    const name = idempotencyKey(tenant, idempotencyHash(key));
    const before = instead_of === undefined ? "" : holderText(instead_of);
    const commands = this.#redis as unknown as Commands;
    const there = await withRedis(() =>
      commands.sluiceIdempotent(name, holderText(holder), String(this.#ttl_ms), before),
    );
    return there === null ? undefined : readHolder(there);
  }
}
