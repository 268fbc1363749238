/**
 * Admission counters in Redis: each ask and each ledger entry is one script, all of a batch go out as one pipeline (one round
 * trip). Scripts read the server's own clock. The connection must be one of `connectRedis` (`server-life.ts` says why).
 */
import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import type {
  AdmissionStore,
  Answer,
  Applied,
  ApplyContext,
  ApplyResult,
  Ask,
  ExpiredHold,
} from "../../budgets/admission-store.ts";
import type { CounterRef } from "../../budgets/scopes.ts";
import type { AdmissionStoreOptions, CounterSums, TenantCounters, Trip } from "../../budgets/store-options.ts";
import { unavailable } from "../../errors.ts";
import { reservationField } from "../../events/usage.ts";
import { pipelineReplies, withRedis } from "../client.ts";
import { applyCall, applyResult } from "./apply-call.ts";
import { counterKey, holdKey, holdsKey, trippedKey, velocityKey } from "./keys.ts";
import { type Call, type Life, reserveAnswer, reserveCall, type Stale } from "./reserve-call.ts";
import { APPLY_LUA } from "./scripts/apply.ts";
import { RESERVE_LUA } from "./scripts/reserve.ts";
import { ServerLife } from "./server-life.ts";

/** A pipeline that knows the scripts. */
type ScriptPipeline = {
  sluiceReserve(count: number, ...args: string[]): void;
  sluiceApply(count: number, ...args: string[]): void;
  exec(): Promise<[Error | null, unknown][] | null>;
};
type Script = "sluiceReserve" | "sluiceApply";

/** The first try may find a new epoch and the second a new day; more of either within one call is no luck but a fault. */
const TRIES_MAX = 3;

export class RedisAdmissionStore implements AdmissionStore, TenantCounters {
  readonly #redis: Redis;
  readonly #options: AdmissionStoreOptions;
  readonly #life: ServerLife;
  /** The server's time less ours. Only windows are named by it, and the server checks their day. */
  #ahead_ms = 0;
  /** Holds are named by it and a number, so that no two have one name. */
  readonly #name = randomBytes(9).toString("base64url");
  #holds = 0;

  constructor(redis: Redis, options: AdmissionStoreOptions) {
    redis.defineCommand("sluiceReserve", { lua: RESERVE_LUA });
    redis.defineCommand("sluiceApply", { lua: APPLY_LUA });
    this.#redis = redis;
    this.#options = options;
    this.#life = new ServerLife(redis);
  }

  reserve(asks: readonly Ask[]): Promise<Answer[]> {
    const options = this.#options;
    return this.#run(asks, { kind: "lost" }, "sluiceReserve", {
      call: (ask, life) => reserveCall(ask, { life, now_ms: this.#now_ms(), hold_id: this.#holdId(), options }),
      answer: reserveAnswer,
    });
  }

  apply(entries: readonly (Applied & ApplyContext)[]): Promise<ApplyResult[]> {
    const options = this.#options;
    return this.#run(entries, { kind: "lost" }, "sluiceApply", {
      call: (entry, life) => applyCall(entry, { life, now_ms: this.#now_ms(), options }),
      answer: applyResult,
    });
  }

  async expired(count_max: number): Promise<ExpiredHold[]> {
    const life = await this.#life.life();
    if (life === undefined) return [];
    const key = holdsKey(life.epoch);
    const now_ms = await this.#serverTime_ms();
    const members = await withRedis(() => this.#redis.zrangebyscore(key, "-inf", now_ms, "LIMIT", 0, count_max));
    if (members.length === 0) return [];
    const names = members.map((member) => {
      const at = member.indexOf("/");
      return { tenant: member.slice(0, at), id: member.slice(at + 1) };
    });
    const texts = await withRedis(() =>
      this.#redis.mget(names.map(({ tenant, id }) => holdKey(life.epoch, tenant, id))),
    );
    return names.flatMap(({ tenant, id }, at) => {
      const text = texts[at];
      // Closed in the meantime.
      if (text === null || text === undefined || text.startsWith("!")) return [];
      return [{ tenant, id, reservation: reservationField.parse(JSON.parse(text)) }];
    });
  }

  async read(tenant: string, counters: readonly CounterRef[]): Promise<CounterSums[]> {
    this.#life.forget();
    const life = await this.#life.life();
    const pipeline = this.#redis.pipeline();
    for (const counter of counters) pipeline.hmget(counterKey(life?.epoch ?? "-", tenant, counter), "r", "s");
    const replies = await withRedis(async () => pipelineReplies(await pipeline.exec()));
    return counters.map((counter, at) => {
      const [reserved, settled] = replies[at] as [string | null, string | null];
      return { counter, reserved_nusd: Number(reserved ?? 0), settled_nusd: Number(settled ?? 0) };
    });
  }

  async tripped(tenant: string): Promise<Trip | undefined> {
    const text = await withRedis(() => this.#redis.get(trippedKey(tenant)));
    if (text === null) return undefined;
    const [limit, at] = text.split(" ");
    return { limit_nusd: Number(limit), at_ms: Number(at) };
  }

  async resume(tenant: string): Promise<boolean> {
    const replies = await withRedis(() =>
      this.#redis.multi().del(trippedKey(tenant)).del(velocityKey(tenant)).exec().then(pipelineReplies),
    );
    return replies[0] === 1;
  }

  /** Sends all in one pipeline; those that were named by a stale view are sent again under the present one. */
  async #run<Item, ItemCall extends Call, Result extends object>(
    items: readonly Item[],
    lost: Result,
    script: Script,
    {
      call,
      answer,
    }: {
      call(item: Item, life: Life): ItemCall;
      answer(call: ItemCall, reply: readonly unknown[]): Result | Stale;
    },
  ): Promise<Result[]> {
    const results: Result[] = [];
    let pending = [...items.keys()];
    for (let tried = 0; tried < TRIES_MAX && pending.length > 0; tried += 1) {
      const life = await this.#life.life();
      if (life === undefined) {
        for (const at of pending) results[at] = lost;
        return results;
      }
      const calls = pending.map((at) => call(items[at] as Item, life));
      const replies = await this.#send(script, calls);
      const stale: number[] = [];
      for (const [index, at] of pending.entries()) {
        const result = answer(calls[index] as ItemCall, replies[index] as unknown[]);
        if ("stale" in result) stale.push(at);
        else results[at] = result;
        if ("stale" in result && result.stale === "epoch") this.#life.forget();
      }
      pending = stale;
    }
    if (pending.length > 0) throw unavailable("redis", new Error("its epoch or its clock changes all the time"));
    return results;
  }

  async #send(script: Script, calls: readonly Call[]): Promise<unknown[]> {
    const pipeline = this.#redis.pipeline() as unknown as ScriptPipeline;
    for (const { keys, args } of calls) pipeline[script](keys.length, ...keys, ...args);
    const replies = await withRedis(async () => pipelineReplies(await pipeline.exec()));
    const [, now_ms] = (replies.at(-1) ?? []) as [string?, number?];
    if (now_ms !== undefined) this.#ahead_ms = now_ms - Date.now();
    return replies;
  }

  async #serverTime_ms(): Promise<number> {
    const [seconds, micros] = await withRedis(() => this.#redis.time());
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  #now_ms(): number {
    return Date.now() + this.#ahead_ms;
  }

  #holdId(): string {
    this.#holds += 1;
    return `${this.#name}.${this.#holds.toString(36)}`;
  }
}
