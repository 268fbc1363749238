/** The Redis connection: fails fast while Redis is away, so that whoever needs it waits and says so (I8). */
import { Cluster, Redis } from "ioredis";
import type { TlsFiles } from "../config/access.ts";
import type { RedisAddress } from "../config/redis.ts";
import { unavailable } from "../errors.ts";
import type { Log } from "../log.ts";
import { timed } from "../metrics/dependencies.ts";
import { type Servers, serversOf } from "./cluster/servers.ts";
import type { Script } from "./cluster/split-pipeline.ts";

type Commands =
  | "defineCommand"
  | "del"
  | "disconnect"
  | "eval"
  | "exists"
  | "get"
  | "hgetall"
  | "multi"
  | "off"
  | "on"
  | "once"
  | "pipeline"
  | "publish"
  | "set"
  | "smembers"
  | "srem"
  | "status"
  | "subscribe"
  | "time"
  | "unsubscribe"
  | "zrange"
  | "zrem"
  | "zrevrangebyscore"
  | "zscore";

/**
 * What stores take: one Redis or a cluster of them. Keys of one command, script or transaction share a hash tag; those of a pipeline need
 * not: a cluster's is split, and only the commands of one server are in order among themselves.
 */
export type RedisClient = Pick<Redis, Commands> & {
  /** Of a cluster; one Redis has none. */
  readonly servers?: Servers;
};

// A command that cannot be sent now is refused now; the caller's back-off decides when to ask again.
const FAIL_FAST = { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 5_000, connectTimeout: 3_000 };
/** A command follows a slot that has moved; while a server is away it fails. */
const REDIRECTIONS_MAX = 3;
const TOPOLOGY_REFRESH_MS = 5_000;

/**
 * @param role tells connections of one process apart in `CLIENT LIST`.
 * @param key_prefix before every key, so that pipelines can share a Redis. Channels are not keys.
 */
export function connectRedis(url: string, role: string, log: Log, key_prefix: string): Redis;
export function connectRedis(address: string | RedisAddress, role: string, log: Log, key_prefix: string): RedisClient;
export function connectRedis(
  address: string | RedisAddress,
  role: string,
  log: Log,
  key_prefix: string,
): Redis | RedisClient {
  const { nodes, cluster, tls } = typeof address === "string" ? { nodes: [address], cluster: false } : address;
  const [url = ""] = nodes;
  const common = {
    ...FAIL_FAST,
    connectionName: `sluice-${role}`,
    keyPrefix: key_prefix,
    ...(url.startsWith("rediss:") ? { tls: tls ?? {} } : {}),
  };
  if (cluster) return connectCluster(nodes, common, log);
  const redis = new Redis(url, { ...common, retryStrategy: (attempt) => Math.min(100 * attempt, 2_000) });
  redis.on("error", (error: Error) => log.debug({ error }, "redis connection"));
  return redis;
}

type Common = typeof FAIL_FAST & { readonly keyPrefix: string; readonly tls?: TlsFiles };

function connectCluster(nodes: readonly string[], common: Common, log: Log): RedisClient {
  const { username, password } = new URL(nodes[0] ?? "");
  const cluster = new Cluster(
    nodes.map((node) => ({ host: new URL(node).hostname.replace(/^\[|\]$/g, ""), port: portOf(node) })),
    {
      enableOfflineQueue: false,
      maxRedirections: REDIRECTIONS_MAX,
      // What was under way when a connection closed may have been done: it is not sent again.
      retryDelayOnFailover: 0,
      slotsRefreshInterval: TOPOLOGY_REFRESH_MS,
      clusterRetryStrategy: (attempt) => Math.min(100 * attempt, 2_000),
      redisOptions: {
        ...common,
        ...(username === "" ? {} : { username: decodeURIComponent(username) }),
        ...(password === "" ? {} : { password: decodeURIComponent(password) }),
      },
    },
  );
  cluster.on("error", (error: Error) => log.debug({ error }, "redis cluster"));
  cluster.on("node error", (error: Error, node: string) => log.debug({ error, node }, "redis cluster"));
  // It may be that another server has taken over.
  cluster.on("-node", () => {
    if (cluster.status === "ready") cluster.refreshSlotsCache();
  });
  const scripts = new Map<string, Script>();
  const define = cluster.defineCommand.bind(cluster);
  const servers = serversOf(cluster, common.keyPrefix, scripts);
  return Object.assign(cluster as unknown as Redis, {
    servers,
    pipeline: servers.pipeline as Redis["pipeline"],
    defineCommand: (name: string, script: Parameters<Redis["defineCommand"]>[1]) => {
      scripts.set(name, script);
      define(name, script);
    },
  });
}

function portOf(node: string): number {
  const { port } = new URL(node);
  return port === "" ? 6379 : Number(port);
}

/** Runs a Redis call; any failure of the connection is retryable, an answer that is an error is too (a loading or full server). */
export async function withRedis<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await timed("redis", "call", call);
  } catch (error) {
    throw unavailable("redis", error);
  }
}

/** Resolves when the connection is usable, or rejects (retryable) after `wait_ms`. */
export async function redisReady(redis: RedisClient, wait_ms: number): Promise<void> {
  if (redis.status === "ready") return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off("ready", ready);
      reject(unavailable("redis", new Error("no connection")));
    }, wait_ms);
    const ready = () => {
      clearTimeout(timer);
      resolve();
    };
    redis.once("ready", ready);
  });
}

/** The replies of a pipeline; the first error among them is thrown. */
export function pipelineReplies(replies: [Error | null, unknown][] | null): unknown[] {
  if (replies === null) throw new Error("the pipeline was discarded");
  return replies.map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
