/**
 * Idempotency keys: which request a tenant's key belongs to. The gateway claims a key before it produces, so that all who come with
 * it use one id; ingest claims those of requests that come by the topic. Both write the same key with the same value:
 * `idem:{<tenant>}:<hash>` = `<id> <content_hash>`.
 */
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { withRedis } from "./client.ts";

/** Of a key as the caller chose it: 22 characters of base64url, 132 bits of SHA-256. */
export function idempotencyHash(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 22);
}

/** The tenant is the hash tag: all keys of a tenant share a slot in a cluster. */
export function idempotencyKey(tenant: string, hash: string): string {
  return `idem:{${tenant}}:${hash}`;
}

export type KeyHolder = {
  readonly id: string;
  /** Of the request's JSON as ingest reads it, its id included. */
  readonly content_hash: string;
};

export function holderText({ id, content_hash }: KeyHolder): string {
  return `${id} ${content_hash}`;
}

/** @returns undefined for what `holderText` did not write. */
export function readHolder(text: string): KeyHolder | undefined {
  const [id, content_hash, ...others] = text.split(" ");
  return id && content_hash && others.length === 0 ? { id, content_hash } : undefined;
}

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
  readonly #redis: Redis;
  readonly #ttl_ms: number;

  constructor(redis: Redis, ttl_ms: number) {
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
