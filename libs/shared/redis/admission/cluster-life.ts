/**
 * The life of the counters on a cluster. It is noted at two places:
 *
 * - once for all, at the main home: `<epoch> <run ids of the masters that it was begun on>`;
 * - in every slot, beside the counters there (`<epoch> cluster`): what scripts compare.
 *
 * So a loss is noticed wherever it is:
 *
 * 1. A server was restarted, or a replica took over: its `run_id` is not one of those. Connections are to one process each, and scripts go
 *    only over connections whose `run_id` was compared.
 * 2. A server was emptied: its slots have no life, and scripts say so. Whoever is told although the main life was read just before ends
 *    the main life, so that everybody knows, and a rebuild begins all slots anew.
 *
 * A life begins slots first and main last, and ends main first and slots last: while main has it, each slot has.
 */
import type { Redis } from "ioredis";
import { unavailable } from "../../errors.ts";
import { pipelineReplies, type RedisClient, withRedis } from "../client.ts";
import type { Servers } from "../cluster/servers.ts";
import { CLUSTER_HOMES } from "./homes.ts";
import { appliedKey, epochKey } from "./keys.ts";
import type { Identity, LifeView } from "./life-view.ts";
import type { Life } from "./reserve-call.ts";
import { DISPROVE_LUA } from "./scripts/life.ts";
import { runIdOf } from "./server-info.ts";

/** In place of a `run_id`, beside the epoch in each slot. */
export const IN_CLUSTER = "cluster";

type Scripts = { sluiceDisprove(epoch: string, text: string): Promise<number> };
type Known = { readonly life: Life; readonly text: string; readonly servers: WeakSet<Redis> };

const MAIN = CLUSTER_HOMES.main;

export class ClusterLife implements LifeView {
  readonly #redis: RedisClient & Scripts;
  readonly #servers: Servers;
  readonly #run_ids = new WeakMap<Redis, string>();
  #known: Known | undefined;
  /** What was read last, for `disprove`. */
  #read: Known | undefined;
  #connections = 0;

  constructor(redis: RedisClient, servers: Servers) {
    redis.defineCommand("sluiceDisprove", { numberOfKeys: 1, lua: DISPROVE_LUA });
    this.#redis = redis as RedisClient & Scripts;
    this.#servers = servers;
    const changed = (): void => {
      this.#connections += 1;
      this.#known = undefined;
    };
    redis.on("close", changed);
    redis.on("-node" as "close", changed);
  }

  get connections(): number {
    return this.#connections;
  }

  readonly allows = (server: Redis): boolean => {
    if (this.#known?.servers.has(server)) return true;
    // Slots have moved to it, or it is new: what it is is looked at first.
    this.#known = undefined;
    return false;
  };

  async life(): Promise<Life | undefined> {
    if (this.#known !== undefined) return this.#known.life;
    const connection = this.#connections;
    const { run_ids, servers } = await this.#identified();
    const text = await withRedis(() => this.#redis.get(epochKey(MAIN)));
    const [epoch, begun_on = ""] = text?.split(" ") ?? [];
    if (text === null || epoch === undefined) return undefined;
    const masters = new Set(begun_on.split(","));
    if (run_ids.some((run_id) => !masters.has(run_id))) return undefined;
    const applied = await withRedis(() => this.#redis.hgetall(appliedKey(epoch, MAIN)));
    const life = { epoch, run_id: IN_CLUSTER, floors: new Map(Object.entries(applied)) };
    const known = { life, text, servers };
    this.#read = known;
    if (connection === this.#connections) this.#known = known;
    return life;
  }

  forget(): void {
    this.#known = undefined;
  }

  /** How long ago a life ended nobody knows: it may have been a replica's that was cut off. */
  async identity(): Promise<Identity> {
    const { run_ids } = await this.#identified();
    return { run_id: run_ids.toSorted().join(","), endedMsAgo: () => undefined };
  }

  async disprove(life: Life): Promise<void> {
    if (this.#read?.life !== life) return;
    const { text } = this.#read;
    await withRedis(() => this.#redis.sluiceDisprove(epochKey(MAIN), text));
    this.forget();
  }

  /** All masters with slots. Rejects (retryable) while one of them is away: what it has might be lost. */
  async #identified(): Promise<{ readonly run_ids: string[]; readonly servers: WeakSet<Redis> }> {
    const masters = this.#servers.masters().map(({ redis }) => redis);
    if (masters.length === 0) throw unavailable("redis", new Error("no server of the cluster is known"));
    const run_ids = await withRedis(() => Promise.all(masters.map((redis) => this.#runId(redis))));
    return { run_ids, servers: new WeakSet(masters) };
  }

  async #runId(redis: Redis): Promise<string> {
    const known = this.#run_ids.get(redis);
    if (known !== undefined) return known;
    const [info] = pipelineReplies(await redis.pipeline().info("server").exec());
    const run_id = runIdOf(String(info));
    this.#run_ids.set(redis, run_id);
    return run_id;
  }
}
