/**
 * Admission counters in Redis: each ask and each ledger entry is one script, all of a batch go out as one pipeline (one round
 * trip). Scripts read the server's own clock. The connection must be one of `connectRedis` (`server-life.ts` says why).
 *
 * In a cluster a tenant's counters are in one slot, so a script is as atomic as on one Redis. Global limits are on another server: a
 * batch takes of them first, and gives back what was not admitted (`global-limits.ts`).
 */
import { randomBytes } from "node:crypto";
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
import { pipelineReplies, type RedisClient, withRedis } from "../client.ts";
import { type ApplyCall, applyCall, applyResult, globalUseOf } from "./apply-call.ts";
import type { GlobalUse, Taken } from "./global-call.ts";
import { GlobalLimits } from "./global-limits.ts";
import { type Homes, homesOf } from "./homes.ts";
import { counterKey, epochKey, holdKey, holdsKey, trippedKey, velocityKey } from "./keys.ts";
import { type LifeView, lifeOf } from "./life-view.ts";
import { type Call, type Life, type ReserveCall, reserveAnswer, reserveCall, type Stale } from "./reserve-call.ts";
import { APPLY_LUA } from "./scripts/apply.ts";
import { RESERVE_LUA } from "./scripts/reserve.ts";

/** A pipeline that knows the scripts. */
type ScriptPipeline = {
  sluiceReserve(count: number, ...args: string[]): void;
  sluiceApply(count: number, ...args: string[]): void;
  exec(): Promise<[Error | null, unknown][] | null>;
};
type Script = "sluiceReserve" | "sluiceApply";

type Runner<Item, ItemCall extends Call, Result extends object> = {
  call(item: Item, life: Life, taken: Taken | undefined): ItemCall;
  answer(call: ItemCall, reply: readonly unknown[]): Result | Stale;
  /** Sends some of the items by their numbers; by default all of them at once. */
  around?(
    items: readonly Item[],
    life: Life,
    send: (numbers: readonly number[], taken: readonly (Taken | undefined)[]) => Promise<(Result | Stale)[]>,
  ): Promise<(Result | Stale)[]>;
};

/** Homes asked in one round trip. */
const HOMES_MAX = 1_000;

/** The first try may find a new epoch and the second a new day; more of either within one call is no luck but a fault. */
const TRIES_MAX = 3;

export class RedisAdmissionStore implements AdmissionStore, TenantCounters {
  readonly #redis: RedisClient;
  readonly #options: AdmissionStoreOptions;
  readonly #life: LifeView;
  readonly #homes: Homes;
  /** Of a cluster, where they are elsewhere. */
  readonly #globals: GlobalLimits | undefined;
  /** A server's time less ours. Only windows are named by it, and the server checks their day. */
  readonly #ahead_ms = new WeakMap<object, number>();
  /** Holds are named by it and a number, so that no two have one name. */
  readonly #name = randomBytes(9).toString("base64url");
  #holds = 0;

  constructor(redis: RedisClient, options: AdmissionStoreOptions) {
    redis.defineCommand("sluiceReserve", { lua: RESERVE_LUA });
    redis.defineCommand("sluiceApply", { lua: APPLY_LUA });
    this.#redis = redis;
    this.#options = options;
    this.#life = lifeOf(redis);
    this.#homes = homesOf(redis);
    const global_home = this.#homes.global();
    this.#globals = global_home === undefined ? undefined : new GlobalLimits(redis, global_home);
  }

  reserve(asks: readonly Ask[]): Promise<Answer[]> {
    const options = this.#options;
    const homes = this.#homes;
    return this.#run<Ask, ReserveCall, Answer>(asks, { kind: "lost" }, "sluiceReserve", {
      call: (ask, life, taken) =>
        reserveCall(ask, { life, now_ms: this.#now_ms(ask.tenant), hold_id: this.#holdId(), options, homes, taken }),
      answer: reserveAnswer,
      around: (pending, life, send) => this.#withGlobals(pending, life, send),
    });
  }

  async apply(entries: readonly (Applied & ApplyContext)[]): Promise<ApplyResult[]> {
    const options = this.#options;
    const homes = this.#homes;
    const uses: GlobalUse[] = [];
    const results = await this.#run<Applied & ApplyContext, ApplyCall, ApplyResult>(
      entries,
      { kind: "lost" },
      "sluiceApply",
      {
        call: (entry, life) => applyCall(entry, { life, now_ms: this.#now_ms(entry.entry.tenant), options, homes }),
        answer: (call, reply) => {
          const use = globalUseOf(reply);
          if (use !== undefined) uses.push(use);
          return applyResult(call, reply);
        },
      },
    );
    await this.#globals?.correct(uses);
    return results;
  }

  async expired(count_max: number): Promise<ExpiredHold[]> {
    const life = await this.#life.life();
    if (life === undefined) return [];
    const now_ms = await this.#serverTime_ms();
    const members = await this.#expiredMembers(life.epoch, now_ms, count_max);
    if (members.length === 0) return [];
    const names = members.map((member) => {
      const at = member.indexOf("/");
      return { tenant: member.slice(0, at), id: member.slice(at + 1) };
    });
    const pipeline = this.#redis.pipeline(names.map(({ tenant, id }) => ["get", holdKey(life.epoch, tenant, id)]));
    const texts = (await withRedis(async () => pipelineReplies(await pipeline.exec()))) as (string | null)[];
    return names.flatMap(({ tenant, id }, at) => {
      const text = texts[at];
      // Closed in the meantime.
      if (text === null || text === undefined || text.startsWith("!")) return [];
      return [{ tenant, id, reservation: reservationField.parse(JSON.parse(text)) }];
    });
  }

  async #expiredMembers(epoch: string, now_ms: number, count_max: number): Promise<string[]> {
    const homes = this.#homes.all();
    const found: string[] = [];
    for (let at = 0; at < homes.length && found.length < count_max; at += HOMES_MAX) {
      const asks = homes
        .slice(at, at + HOMES_MAX)
        .map((home) => ["zrangebyscore", holdsKey(epoch, home), "-inf", now_ms, "LIMIT", 0, count_max]);
      const pipeline = this.#redis.pipeline(asks);
      found.push(...(await withRedis(async () => pipelineReplies(await pipeline.exec()) as string[][])).flat());
    }
    return found.slice(0, count_max);
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
    { call, answer, around }: Runner<Item, ItemCall, Result>,
  ): Promise<Result[]> {
    const results: Result[] = [];
    let pending = [...items.keys()];
    for (let tried = 0; tried < TRIES_MAX && pending.length > 0; tried += 1) {
      const life = await this.#life.life();
      if (life === undefined) {
        for (const at of pending) results[at] = lost;
        return results;
      }
      const asked = pending.map((at) => items[at] as Item);
      const send = async (numbers: readonly number[], taken: readonly (Taken | undefined)[]) => {
        const calls = numbers.map((at) => call(asked[at] as Item, life, taken[at]));
        const replies = await this.#send(script, calls);
        return calls.map((one, index) => answer(one, replies[index] as unknown[]));
      };
      const given = around === undefined ? await send([...asked.keys()], []) : await around(asked, life, send);
      const stale: number[] = [];
      for (const [index, at] of pending.entries()) {
        const result = given[index] as Result | Stale;
        if ("stale" in result) stale.push(at);
        else results[at] = result;
      }
      if (given.some((result) => "stale" in result && result.stale === "epoch")) {
        // It was read anew since the first try.
        if (tried > 0) await this.#life.disprove(life);
        this.#life.forget();
      }
      pending = stale;
    }
    if (pending.length > 0) throw unavailable("redis", new Error("its epoch or its clock changes all the time"));
    return results;
  }

  /** Takes of the global limits first, where they are elsewhere; what was not admitted is given back. */
  async #withGlobals(
    asks: readonly Ask[],
    life: Life,
    send: (numbers: readonly number[], taken: readonly (Taken | undefined)[]) => Promise<(Answer | Stale)[]>,
  ): Promise<(Answer | Stale)[]> {
    const globals = this.#globals;
    const all = [...asks.keys()];
    if (globals === undefined) return send(all, []);
    // What is taken for a batch that cannot be asked would be lost, with each try more.
    for (const { tenant } of asks) this.#checkServer(tenant);
    const { taken, server_ms } = await globals.take(this.#pipeline(), asks, { life, now_ms: this.#now_ms("") });
    if (server_ms !== undefined) this.#ahead_ms.set(this, server_ms - Date.now());
    const numbers = all.filter((at) => !isStale(taken[at]));
    const answered = await send(
      numbers,
      taken.map((one) => (isStale(one) ? undefined : one)),
    );
    const answers: (Answer | Stale)[] = taken.map((one) => (isStale(one) ? one : { stale: "day" }));
    for (const [index, at] of numbers.entries()) answers[at] = answered[index] as Answer | Stale;
    await globals.giveBack(asks, taken, answers);
    return answers;
  }

  async #send(script: Script, calls: readonly Call[]): Promise<unknown[][]> {
    const pipeline = this.#pipeline() as unknown as ScriptPipeline;
    for (const { keys, args } of calls) pipeline[script](keys.length, ...keys, ...args);
    const replies = await withRedis(async () => pipelineReplies(await pipeline.exec()));
    const our_ms = Date.now();
    for (const [index, reply] of replies.entries()) {
      const [, server_ms] = reply as [string, number];
      this.#ahead_ms.set(this.#clockOf(calls[index]?.keys[0] ?? ""), server_ms - our_ms);
    }
    return replies as unknown[][];
  }

  /** Of a cluster, only over connections to servers that are known to have what they had. */
  #pipeline(): ReturnType<RedisClient["pipeline"]> {
    const { servers } = this.#redis;
    return servers === undefined ? this.#redis.pipeline() : servers.pipeline([], this.#life.allows);
  }

  #checkServer(tenant: string): void {
    const server = this.#redis.servers?.of(epochKey(this.#homes.of(tenant)));
    if (server?.status === "ready" && this.#life.allows?.(server) !== false) return;
    throw unavailable("redis", new Error("a server of the cluster is away"));
  }

  async #serverTime_ms(): Promise<number> {
    const [seconds, micros] = await withRedis(() => this.#redis.time());
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  /** @param tenant empty for that of the global limits. */
  #now_ms(tenant: string): number {
    const clock = tenant === "" ? this : this.#clockOf(epochKey(this.#homes.of(tenant)));
    return Date.now() + (this.#ahead_ms.get(clock) ?? 0);
  }

  /** Servers have a clock each. */
  #clockOf(key: string): object {
    return this.#redis.servers?.of(key) ?? this;
  }

  #holdId(): string {
    this.#holds += 1;
    return `${this.#name}.${this.#holds.toString(36)}`;
  }
}

function isStale(one: Taken | Stale | undefined): one is Stale {
  return one !== undefined && "stale" in one;
}
