/** What Redis and Postgres say of themselves, and their clocks. */
import { hostname } from "node:os";
import type { Redis } from "ioredis";
import type { Beat } from "../../libs/shared/beats/beat.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { connectPostgres, withPostgres } from "../../libs/shared/postgres/client.ts";
import { missingSteps } from "../../libs/shared/postgres/migrations.ts";
import { RedisBeatStore } from "../../libs/shared/redis/beat-store.ts";
import { connectRedis, redisReady, withRedis } from "../../libs/shared/redis/client.ts";
import type { CliContext } from "../context.ts";
import type { ClockFacts } from "./clocks.ts";
import type { PostgresFacts, RedisFacts } from "./stores.ts";

const READY_WAIT_MS = 5_000;
const POSTGRES_SETTINGS = ["fsync", "full_page_writes", "synchronous_commit", "max_connections"];

/** Of each master. @throws retryable when Redis is away. */
export async function gatherRedis({
  environment,
  settings,
  log,
}: CliContext): Promise<{ readonly nodes: readonly RedisFacts[]; readonly clocks: readonly ClockFacts[] }> {
  const redis = connectRedis(environment.redis, "cli", log, settings.redis.key_prefix);
  try {
    await redisReady(redis, READY_WAIT_MS);
    const masters = redis.servers?.masters().map((server) => server.redis) ?? [redis as Redis];
    const each = await Promise.all(masters.map((master) => withRedis(() => factsOf(master, masters.length > 1))));
    const beats = await new RedisBeatStore(redis, settings.observation.beat_ttl_ms).all(systemClock.now_ms());
    const clocks = [
      ...each.map(({ clock }) => clock),
      ...hostClocks(beats, settings.observation.beat_ms, systemClock.now_ms()),
    ];
    return { nodes: each.map(({ facts }) => facts), clocks };
  } finally {
    redis.disconnect();
  }
}

async function factsOf(redis: Redis, of_many: boolean): Promise<{ facts: RedisFacts; clock: ClockFacts }> {
  const node = of_many ? `${redis.options.host}:${redis.options.port}` : "redis";
  const info = infoOf(await redis.info());
  const config: Record<string, string> = {};
  for (const name of ["appendfsync", "maxmemory-policy"]) {
    // Managed services forbid it.
    const [, value] = ((await redis.config("GET", name).catch(() => [])) as string[]) ?? [];
    if (value !== undefined) config[name] = value;
  }
  const asked_ms = systemClock.now_ms();
  const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
  return { facts: { node, info, config }, clock: clockOf(node, asked_ms, seconds * 1_000 + micros / 1_000) };
}

/** Of other hosts, by the newest beat of each: no better known than how often they beat. Pure. */
export function hostClocks(beats: readonly Beat[], beat_ms: number, now_ms: number): ClockFacts[] {
  const newest = new Map<string, number>();
  for (const { host, at_ms } of beats) newest.set(host, Math.max(at_ms, newest.get(host) ?? 0));
  newest.delete(hostname());
  return [...newest].map(([who, at_ms]) => ({ who, ahead_ms: at_ms + beat_ms / 2 - now_ms, took_ms: 2 * beat_ms }));
}

/** `name:value` lines. Pure. */
export function infoOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(":");
      return line.startsWith("#") || at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

/** @throws retryable when Postgres is away. */
export async function gatherPostgres({
  environment,
  log,
}: CliContext): Promise<{ readonly facts: PostgresFacts; readonly clock: ClockFacts }> {
  const pool = connectPostgres(environment.database_url, "cli", 1, log);
  try {
    const asked_ms = systemClock.now_ms();
    const [now] = (await withPostgres(() => pool.query<{ ms: number; version: number }>(NOW))).rows;
    const clock = clockOf("postgres", asked_ms, now?.ms ?? asked_ms);
    const named = await withPostgres(() =>
      pool.query<{ name: string; setting: string }>(SETTINGS, [POSTGRES_SETTINGS]),
    );
    const [open] = (
      await withPostgres(() => pool.query<{ n: number }>("SELECT count(*)::int AS n FROM pg_stat_activity"))
    ).rows;
    const facts = {
      version_num: now?.version ?? 0,
      settings: Object.fromEntries(named.rows.map(({ name, setting }) => [name, setting])),
      connections: open?.n ?? 0,
      steps_missing: await missingSteps(pool),
    };
    return { facts, clock };
  } finally {
    await pool.end();
  }
}

const NOW = `
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms, current_setting('server_version_num')::int AS version`;
const SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY($1)";

function clockOf(who: string, asked_ms: number, said_ms: number): ClockFacts {
  const took_ms = systemClock.now_ms() - asked_ms;
  return { who, ahead_ms: said_ms - (asked_ms + took_ms / 2), took_ms };
}
