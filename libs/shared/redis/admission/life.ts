/** How the admission counters in Redis get a new life: one restores at a time, under a lock that ends with it. */
import { randomBytes } from "node:crypto";
import type { CountersLife, Restoring, Snapshot } from "../../budgets/admission-store.ts";
import { unavailable } from "../../errors.ts";
import { pipelineReplies, type RedisClient, withRedis } from "../client.ts";
import { IN_CLUSTER } from "./cluster-life.ts";
import { type Homes, homesOf } from "./homes.ts";
import { appliedKey, endedKey, epochKey, holdKey, holdsKey, inFlightKey, lockKey } from "./keys.ts";
import { type LifeView, lifeOf } from "./life-view.ts";
import { lifeText } from "./reserve-call.ts";
import { BEGIN_LUA, CLEAR_LUA, END_LUA, RENEW_LUA } from "./scripts/life.ts";
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
  readonly #redis: RedisClient & Scripts;
  readonly #homes: Homes;
  readonly #options: CountersLifeOptions;
  readonly #life: LifeView;

  /** @param redis one of `connectRedis`. */
  constructor(redis: RedisClient, options: CountersLifeOptions) {
    redis.defineCommand("sluiceBegin", { numberOfKeys: 3, lua: BEGIN_LUA });
    redis.defineCommand("sluiceRenew", { numberOfKeys: 1, lua: RENEW_LUA });
    redis.defineCommand("sluiceEnd", { numberOfKeys: 2, lua: END_LUA });
    redis.defineCommand("sluiceClear", { numberOfKeys: 2, lua: CLEAR_LUA });
    this.#redis = redis as RedisClient & Scripts;
    this.#options = options;
    this.#homes = homesOf(redis);
    this.#life = lifeOf(redis);
  }

  async epoch(): Promise<string | undefined> {
    this.#life.forget();
    return (await this.#life.life())?.epoch;
  }

  async begin({ if_lost = false }: { readonly if_lost?: boolean } = {}): Promise<Restoring | undefined> {
    const token = randomBytes(12).toString("base64url");
    const connection = this.#life.connections;
    const { run_id, endedMsAgo } = await this.#life.identity();
    const lock_ttl_ms = this.#options.lock_ttl_ms ?? LOCK_TTL_MS;
    const ttl_ms = String(lock_ttl_ms);
    const spared = if_lost ? run_id : "";
    const { main } = this.#homes;
    const keys = [lockKey(main), epochKey(main), endedKey(main)] as const;
    const life = await withRedis(() => this.#redis.sluiceBegin(...keys, token, ttl_ms, spared));
    if (life === 0) return undefined;
    // A renewal that fails is made up for by the next; one that is too late is found out at the end.
    const renew = () => void this.#redis.sluiceRenew(lockKey(main), token, ttl_ms).catch(() => {});
    const renewal = setInterval(renew, lock_ttl_ms / 3).unref();
    const started = { token, run_id, connection };
    const abandon = async (): Promise<void> => {
      clearInterval(renewal);
      await withRedis(() => this.#redis.sluiceEnd(lockKey(main), epochKey(main), token, ""));
    };
    try {
      await this.#everywhere((home) => ["del", epochKey(home)]);
    } catch (error) {
      await abandon().catch(() => undefined);
      throw error;
    }
    return {
      ended_life: life !== "",
      ended_ms_ago: endedMsAgo(life),
      finish: (snapshot) => this.#finish(snapshot, started).finally(() => clearInterval(renewal)),
      abandon,
    };
  }

  async #finish(snapshot: Snapshot, { token, run_id, connection }: Started): Promise<string> {
    const epoch = randomBytes(9).toString("base64url");
    const [seconds, micros] = await withRedis(() => this.#redis.time());
    const now_ms = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    const { seen_ttl_ms, session_ttl_ms } = this.#options;
    const homes = this.#homes;
    let chunk: Write[] = [];
    for (const write of snapshotWrites(snapshot, { epoch, now_ms, seen_ttl_ms, session_ttl_ms, homes })) {
      chunk.push(write);
      if (chunk.length < CHUNK) continue;
      await this.#write(chunk);
      chunk = [];
    }
    await this.#write(chunk);
    await this.#everywhere((home) => ["set", epochKey(home), lifeText({ epoch, run_id: IN_CLUSTER })]);
    const isSame = connection === this.#life.connections && (await this.#life.identity()).run_id === run_id;
    const life = isSame ? lifeText({ epoch, run_id }) : "";
    const [lock, main] = [lockKey(homes.main), epochKey(homes.main)];
    const ended = await withRedis(() => this.#redis.sluiceEnd(lock, main, token, life));
    if (ended === 0 || life === "") throw unavailable("redis", new Error("the lock or the connection was lost"));
    await this.#clearEnded();
    return epoch;
  }

  /** Commands of their own for every home of a cluster. One Redis has but one life. */
  async #everywhere(write: (home: string) => Write): Promise<void> {
    const all = this.#homes.all();
    if (all.length === 1) return;
    for (let at = 0; at < all.length; at += CHUNK) await this.#write(all.slice(at, at + CHUNK).map(write));
  }

  async #write(writes: readonly Write[]): Promise<unknown[]> {
    if (writes.length === 0) return [];
    const pipeline = this.#redis.pipeline(writes.map((write) => [...write]));
    return withRedis(async () => pipelineReplies(await pipeline.exec()));
  }

  /** Counters of an ended epoch have their TTL; its holds have none. What fails here is done by the next restoration. */
  async #clearEnded(): Promise<void> {
    const ended = endedKey(this.#homes.main);
    try {
      for (const epoch of await this.#redis.smembers(ended)) {
        const homes = this.#homes.all();
        for (let at = 0; at < homes.length; at += CHUNK) await this.#clear(epoch, homes.slice(at, at + CHUNK));
        await this.#write([["del", appliedKey(epoch, this.#homes.main)]]);
        await this.#redis.srem(ended, epoch);
      }
    } catch {
      // They stay on the list.
    }
  }

  async #clear(epoch: string, homes: readonly string[]): Promise<void> {
    for (let left = homes; left.length > 0; ) {
      const count = Math.ceil(CHUNK / left.length);
      const asks = left.map((home) => ["sluiceClear", holdsKey(epoch, home), appliedKey(epoch, home), count]);
      const pipeline = this.#redis.pipeline(asks);
      const found = pipelineReplies(await pipeline.exec()) as string[][];
      const keys = found.flat().flatMap((member) => {
        const tenant = member.slice(0, member.indexOf("/"));
        return [holdKey(epoch, tenant, member.slice(tenant.length + 1)), inFlightKey(epoch, tenant)];
      });
      await this.#write(keys.map((key) => ["del", key]));
      const gone = left.flatMap((home, at): Write[] => {
        const members = found[at] ?? [];
        return members.length === 0 ? [] : [["zrem", holdsKey(epoch, home), ...members]];
      });
      await this.#write(gone);
      left = left.filter((_, at) => (found[at]?.length ?? 0) > 0);
    }
  }
}
