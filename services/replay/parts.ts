/**
 * What the runs of replays are made from. Parts that only some modes need are made when they are first asked for, so that a process that
 * waits for replays stays small. The command line and the service make it alike; whoever made it closes it.
 */
import type { Kafka } from "kafkajs";
import { type Clock, systemClock } from "../../libs/shared/clock.ts";
import type { Environment } from "../../libs/shared/config/environment.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { RegistryCodec } from "../../libs/shared/events/registry.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { Log } from "../../libs/shared/log.ts";
import { connectPostgres, type Pool } from "../../libs/shared/postgres/client.ts";
import { connectRedis, type RedisClient, redisReady } from "../../libs/shared/redis/client.ts";
import type { Replay } from "../../libs/shared/replay/replay.ts";
import { type RetryContext, untilAvailable } from "../../libs/shared/retry.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";

export type ReplayParts = {
  /** Of the process: tells leases and connections apart. */
  readonly instance: string;
  readonly environment: Environment;
  /** Variables by name: addresses and keys of endpoints, as of `process.env` (the bundled mock's address is among them). */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly settings: Settings;
  readonly names: TopicNames;
  readonly log: Log;
  readonly retry: RetryContext;
  readonly clock: Clock;
  readonly kafka: Kafka;
  /** All schemas are registered. */
  readonly codec: RegistryCodec;
  readonly pool: Pool;
  /** Connects at the first call, and waits until Redis is there. */
  readonly redis: () => Promise<RedisClient>;
  /** Asked when a run has come to its end; what it gives is kept as the replay's `comparison`. It only reads. */
  readonly summarise?: (replay: Replay) => Promise<unknown>;
  /** Left out: there are no traces. */
  readonly tracing?: Tracing;
};

export type PartsInput = Pick<
  ReplayParts,
  "instance" | "environment" | "variables" | "settings" | "names" | "log" | "kafka" | "codec" | "summarise" | "tracing"
>;

export type OpenParts = ReplayParts & { close(): Promise<void> };

/** Statements of the reader, the store, the ledger of calls and the cache at once. */
const CONNECTIONS_MAX = 12;

/** @param input.codec its schemas are registered already. */
export function openParts(input: PartsInput): OpenParts {
  const { environment, instance, log, settings } = input;
  const retry = { clock: systemClock, random: Math.random, log, policy: settings.consumption.retry };
  const pool = connectPostgres(environment.database_url, instance, CONNECTIONS_MAX, log);
  let redis: RedisClient | undefined;
  return {
    ...input,
    clock: systemClock,
    retry,
    pool,
    async redis() {
      redis ??= connectRedis(environment.redis, instance, log, settings.redis.key_prefix);
      const connected = redis;
      await untilAvailable(retry, "redis", () => redisReady(connected, 1_000));
      return connected;
    },
    async close() {
      redis?.disconnect();
      await pool.end();
    },
  };
}
