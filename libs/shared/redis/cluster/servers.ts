/** The servers of a cluster as a client knows them, and pipelines that are split over them. */
import type { ChainableCommander, Cluster, Redis } from "ioredis";
import { slotOf, slotTags } from "./slots.ts";
import { type Script, splitPipeline } from "./split-pipeline.ts";

/**
 * A connection to one server. It is never made anew by itself: what it is told reaches the process that it was opened to or fails, also
 * where another server has taken over.
 */
export type Server = {
  readonly redis: Redis;
  /** A hash tag of a slot that it has. */
  readonly home: string;
};

export type Servers = {
  /** Of the key's master; undefined while none is known. @param key without the connection's prefix. */
  of(key: string): Redis | undefined;
  /** Masters that have slots. */
  masters(): readonly Server[];
  /** A pipeline whose commands go to the servers of their keys. Those of one that `allows` does not let through fail unsent. */
  pipeline(commands?: readonly (readonly unknown[])[], allows?: (server: Redis) => boolean): ChainableCommander;
};

/** What a server says of a slot that it does not have or cannot serve now: who has what is to be asked anew. */
const ELSEWHERE = /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN|READONLY)\b|^Connection is closed/;

export function serversOf(cluster: Cluster, key_prefix: string, scripts: ReadonlyMap<string, Script>): Servers {
  // Several pipelines of a moment use one table.
  let table: Map<string, Redis> | undefined;
  const byName = (): Map<string, Redis> => {
    if (table !== undefined) return table;
    table = new Map(cluster.nodes("all").map((redis) => [`${redis.options.host}:${redis.options.port}`, redis]));
    setImmediate(() => {
      table = undefined;
    });
    return table;
  };
  const ofSlot = (slot: number): Redis | undefined => byName().get(cluster.slots[slot]?.[0] ?? "");
  const servers: Servers = {
    of: (key) => ofSlot(slotOf(key_prefix + key)),
    masters() {
      const names = new Map<string, number>();
      for (const [slot, [name]] of cluster.slots.entries()) if (name && !names.has(name)) names.set(name, slot);
      return [...names].flatMap(([name, slot]) => {
        const redis = byName().get(name);
        return redis === undefined ? [] : [{ redis, home: slotTags()[slot] as string }];
      });
    },
    pipeline: (commands, allows) =>
      splitPipeline(commands ?? [], {
        scripts,
        of: (key) => {
          const server = servers.of(key);
          return server === undefined || allows?.(server) === false ? undefined : server;
        },
        any: () => cluster.nodes("master")[0],
        failed: (error) => {
          if (ELSEWHERE.test(error.message)) cluster.refreshSlotsCache();
        },
      }),
  };
  return servers;
}
