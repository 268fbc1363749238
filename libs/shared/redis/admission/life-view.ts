/** Which life of the counters a client sees: read once, and again whenever a connection or the epoch has changed. */
import type { RedisClient } from "../client.ts";
import type { Servers } from "../cluster/servers.ts";
import { ClusterLife } from "./cluster-life.ts";
import type { Life } from "./reserve-call.ts";
import { ServerLife } from "./server-life.ts";

/** Who keeps the counters now. */
export type Identity = {
  /** Stands behind the epoch in a life's text. */
  readonly run_id: string;
  /** So long ago at least this life ended, if that is known. @param life its text. */
  endedMsAgo(life: string): number | undefined;
};

export interface LifeView {
  /** Grows when a connection ends. */
  readonly connections: number;
  /** Undefined while the counters are lost. Rejects (retryable) while nobody can say. */
  life(): Promise<Life | undefined>;
  forget(): void;
  identity(): Promise<Identity>;
  /** The counters of some slot are not of this life, which was read just before: it ends. Does nothing where that is known otherwise. */
  disprove(life: Life): Promise<void>;
  /** Of a cluster: whether a connection is to a server that has been there since the life began. */
  readonly allows?: Parameters<Servers["pipeline"]>[1];
}

/** @param redis one of `connectRedis`. */
export function lifeOf(redis: RedisClient): LifeView {
  return redis.servers === undefined ? new ServerLife(redis) : new ClusterLife(redis, redis.servers);
}
