/** How the admission counters in Redis get a new life: one restores at a time, under a lock that ends with it. */
import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import type { CountersLife, Restoring, Snapshot } from "../../budgets/admission-store.ts";
import { unavailable } from "../../errors.ts";
import { pipelineReplies, withRedis } from "../client.ts";
import { appliedKey, ENDED_KEY, EPOCH_KEY, holdKey, holdsKey, inFlightKey, LOCK_KEY } from "./keys.ts";
import { lifeText } from "./reserve-call.ts";
import { BEGIN_LUA, END_LUA, RENEW_LUA } from "./scripts/life.ts";
import { runIdOf, ServerLife } from "./server-life.ts";
import { snapshotWrites, type Write } from "./snapshot-writes.ts";

export type CountersLifeOptions = {
  /** The lock outlives a process that died while it restored by so long (30 s); a living one renews it. */
  readonly lock_ttl_ms?: number;
  readonly seen_ttl_ms: number;
  readonly session_ttl_ms: number;
};

type Scripts = {
  sluiceBegin(
    lock: string,
    epoch: string,
    ended: string,
    token: string,
    ttl_ms: string,
    spared: string,
  ): Promise<string | 0>;
  sluiceRenew(lock: string, token: string, ttl_ms: string): Promise<number>;
  sluiceEnd(lock: string, epoch: string, token: string, life: string): Promise<number>;
};

/** Commands to a pipeline. */
const CHUNK = 1_000;
const LOCK_TTL_MS = 30_000;

type Started = { readonly token: string; readonly run_id: string; readonly connection: number };

export class RedisCountersLife implements CountersLife {
  readonly #redis: Redis & Scripts;
  readonly #options: CountersLifeOptions;
  readonly #life: ServerLife;

  /** @param redis one of `connectRedis`. */
  constructor(redis: Redis, options: CountersLifeOptions) {
    redis.defineCommand("sluiceBegin", { numberOfKeys: 3, lua: BEGIN_LUA });
    redis.defineCommand("sluiceRenew", { numberOfKeys: 1, lua: RENEW_LUA });
    redis.defineCommand("sluiceEnd", { numberOfKeys: 2, lua: END_LUA });
    this.#redis = redis as Redis & Scripts;
    this.#options = options;
    this.#life = new ServerLife(redis);
  }

  async epoch(): Promise<string | undefined> {
    this.#life.forget();
    return (await this.#life.life())?.epoch;
  }

  async begin({ if_lost = false }: { readonly if_lost?: boolean } = {}): Promise<Restoring | undefined> {
    const token = randomBytes(12).toString("base64url");
    const connection = this.#life.connections;
    const about = this.#redis.pipeline().info("server").info("replication");
    const replies = await withRedis(async () => pipelineReplies(await about.exec()));
    const [server, replication] = replies as [string, string];
    const run_id = runIdOf(server);
    const lock_ttl_ms = this.#options.lock_ttl_ms ?? LOCK_TTL_MS;
    const ttl_ms = String(lock_ttl_ms);
    const spared = if_lost ? run_id : "";
    const keys = [LOCK_KEY, EPOCH_KEY, ENDED_KEY] as const;
    const life = await withRedis(() => this.#redis.sluiceBegin(...keys, token, ttl_ms, spared));
    if (life === 0) return undefined;
    // A renewal that fails is made up for by the next; one that is too late is found out at the end.
    const renew = () => void this.#redis.sluiceRenew(LOCK_KEY, token, ttl_ms).catch(() => {});
    const renewal = setInterval(renew, lock_ttl_ms / 3).unref();
    const started = { token, run_id, connection };
    return {
      ended_life: life !== "",
      ended_ms_ago: endedMsAgo(life, server, replication),
      finish: (snapshot) => this.#finish(snapshot, started).finally(() => clearInterval(renewal)),
      abandon: async () => {
        clearInterval(renewal);
        await withRedis(() => this.#redis.sluiceEnd(LOCK_KEY, EPOCH_KEY, token, ""));
      },
    };
  }

  async #finish(snapshot: Snapshot, { token, run_id, connection }: Started): Promise<string> {
    const epoch = randomBytes(9).toString("base64url");
    const [seconds, micros] = await withRedis(() => this.#redis.time());
    const now_ms = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    const { seen_ttl_ms, session_ttl_ms } = this.#options;
    let chunk: Write[] = [];
    for (const write of snapshotWrites(snapshot, { epoch, now_ms, seen_ttl_ms, session_ttl_ms })) {
      chunk.push(write);
      if (chunk.length < CHUNK) continue;
      await this.#write(chunk);
      chunk = [];
    }
    await this.#write(chunk);
    const isSameServer = () => connection === this.#life.connections;
    const life = isSameServer() ? lifeText({ epoch, run_id }) : "";
    const ended = await withRedis(() => this.#redis.sluiceEnd(LOCK_KEY, EPOCH_KEY, token, life));
    if (ended === 0 || life === "") throw unavailable("redis", new Error("the lock or the connection was lost"));
    await this.#clearEnded();
    return epoch;
  }

  async #write(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const [command, ...args] of writes) pipeline.call(command, ...args);
    await withRedis(async () => pipelineReplies(await pipeline.exec()));
  }

  /** Counters of an ended epoch have their TTL; its holds have none. What fails here is done by the next restoration. */
  async #clearEnded(): Promise<void> {
    try {
      for (const epoch of await this.#redis.smembers(ENDED_KEY)) await this.#clear(epoch);
    } catch {
      // They stay on the list.
    }
  }

  async #clear(epoch: string): Promise<void> {
    for (;;) {
      const members = await this.#redis.zrange(holdsKey(epoch), 0, String(CHUNK - 1));
      if (members.length === 0) break;
      const keys = members.flatMap((member) => {
        const tenant = member.slice(0, member.indexOf("/"));
        return [holdKey(epoch, tenant, member.slice(tenant.length + 1)), inFlightKey(epoch, tenant)];
      });
      await this.#redis.del(keys);
      await this.#redis.zrem(holdsKey(epoch), members);
    }
    await this.#redis.del(appliedKey(epoch));
    await this.#redis.srem(ENDED_KEY, epoch);
  }
}

/**
 * A life that was begun on another server process ended before this one started. Of any other nobody knows, nor of one that a replica
 * took over: that process may have run long before.
 */
function endedMsAgo(life: string, server: string, replication: string): number | undefined {
  const [, begun_on] = life.split(" ");
  if (begun_on === undefined || begun_on === runIdOf(server)) return undefined;
  const was_replica = !/^role:master\b/m.test(replication) || !/^master_replid2:0+\s*$/m.test(replication);
  const [, seconds] = /^uptime_in_seconds:(\d+)/m.exec(server) ?? [];
  // Both ends are cut to whole seconds: it may be up to one too many.
  return was_replica || seconds === undefined ? undefined : Math.max(0, Number(seconds) - 1) * 1_000;
}
