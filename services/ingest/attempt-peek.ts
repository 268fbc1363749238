/** What the attempt ledger in Redis says about holds past their time, and which of them a sweep has closed. */
import type { ExpiredHold } from "../../libs/shared/budgets/admission-store.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import { attemptKey, decodeEntry, HOPS_MAX } from "../../libs/shared/redis/attempt-entry.ts";
import { pipelineReplies, type RedisClient, withRedis } from "../../libs/shared/redis/client.ts";
import { seenKey } from "../../libs/shared/redis/job-keys.ts";
import type { CallsSent } from "./sweep.ts";

/** Since when a server has kept what it was told: `<run id> <epoch ms>`, without an end. In a cluster each has its own. */
const SINCE_KEY = "attempts:since";
/** A request's hops, each with an entry of its own. */
const HOPS = Array.from({ length: HOPS_MAX + 1 }, (_, hop) => hop);
/** Far longer than the ledger's entries take to be applied; a hold that a crash left open is closed then. */
const CLAIM_TTL_MS = 6 * 3_600_000;

export class AttemptPeek {
  readonly #redis: RedisClient;
  readonly #clock: Clock;

  constructor(redis: RedisClient, clock: Clock) {
    this.#redis = redis;
    this.#clock = clock;
  }

  /** Notes since when nothing is missing, so that a later round knows it of holds made from now on. */
  async watch(): Promise<void> {
    await withRedis(() => this.#since_ms());
  }

  /** In the order of the holds; a few round trips. Rejects (retryable) while Redis is away. */
  async callsSent(holds: readonly ExpiredHold[]): Promise<CallsSent[]> {
    return withRedis(async () => {
      const since_ms = await this.#since_ms();
      const seen = await this.#all(holds.map(({ tenant, id }) => seenKey(tenant, id)));
      const names = holds.map(({ tenant, id, content_hash }, index) => {
        return { tenant, id, content_hash: content_hash ?? hashIn(seen[index]) };
      });
      const known = names.filter(({ content_hash }) => content_hash !== "");
      const texts = await this.#all(known.flatMap((name) => HOPS.map((hop) => attemptKey({ ...name, hop }))));
      const entries = new Map(
        known.map((name, index) => [attemptKey(name), texts.slice(index * HOPS.length, (index + 1) * HOPS.length)]),
      );
      const now_ms = this.#clock.now_ms();
      return names.map((name, index) => {
        if (name.content_hash === "") return "unknown";
        const { at_ms } = (holds[index] as ExpiredHold).reservation;
        return callsSentOver(entries.get(attemptKey(name)) ?? [], { now_ms, kept_ever_since: since_ms <= at_ms });
      });
    });
  }

  /** Marks holds as closed. @returns for each whether it was not marked before. */
  async claim(holds: readonly ExpiredHold[]): Promise<boolean[]> {
    const pipeline = this.#redis.pipeline();
    for (const { tenant, id, reservation } of holds) {
      pipeline.set(`swept:{${tenant}}:${id}:${reservation.hold_id}`, "1", "PX", CLAIM_TTL_MS, "NX");
    }
    const replies = await withRedis(async () => pipelineReplies(await pipeline.exec()));
    return replies.map((reply) => reply === "OK");
  }

  /**
   * Since when nothing is missing, by Redis's clock as reservations are. A Redis that was flushed or started again, perhaps from an older copy,
   * begins anew. Of a cluster it is the latest of its servers.
   */
  async #since_ms(): Promise<number> {
    const { servers } = this.#redis;
    if (servers === undefined) return this.#sinceOf(this.#redis, SINCE_KEY);
    const all = servers.masters().map(({ redis, home }) => this.#sinceOf(redis, `${SINCE_KEY}:${home}`));
    if (all.length === 0) throw unavailable("redis", new Error("no server of the cluster is known"));
    return Math.max(...(await Promise.all(all)));
  }

  async #sinceOf(redis: Pick<RedisClient, "pipeline" | "set">, key: string): Promise<number> {
    const pipeline = redis.pipeline();
    pipeline.info("server");
    pipeline.get(key);
    pipeline.time();
    const [info, kept, [seconds]] = pipelineReplies(await pipeline.exec()) as [string, string | null, [string]];
    const run_id = /^run_id:(\S+)/m.exec(info)?.[1] ?? "";
    const [of_run, since] = kept?.split(" ") ?? [];
    if (of_run === run_id && since !== undefined) return Number(since);
    const since_ms = (Number(seconds) + 1) * 1_000;
    await redis.set(key, `${run_id} ${since_ms}`);
    return since_ms;
  }

  async #all(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const key of keys) pipeline.get(key);
    return pipelineReplies(await pipeline.exec()) as (string | null)[];
  }
}

/** `<content hash> <topic> <partition> <offset>`; empty where nothing is known. */
function hashIn(seen: string | null | undefined): string {
  return seen?.split(" ", 1)[0] ?? "";
}

/** What the latest hop says. Before any other there were calls of the ones before it. @param texts entries by hop, null for none. */
export function callsSentOver(
  texts: readonly (string | null)[],
  context: { readonly now_ms: number; readonly kept_ever_since: boolean },
): CallsSent {
  const hop = texts.findLastIndex((text) => text !== null);
  const sent = callsSentBy(texts[hop] ?? null, context);
  return hop > 0 && sent !== "under_way" ? "sent" : sent;
}

/**
 * @param text the job's entry as it is stored, null for none.
 * @param kept_ever_since whether Redis has forgotten nothing since the reservation: only then no entry says that no call was sent.
 */
export function callsSentBy(
  text: string | null,
  { now_ms, kept_ever_since }: { readonly now_ms: number; readonly kept_ever_since: boolean },
): CallsSent {
  if (text === null) return kept_ever_since ? "none" : "unknown";
  const entry = decodeEntry(text);
  switch (entry.state) {
    case "none":
      return "unknown";
    case "published":
      return "under_way";
    case "answered":
    case "passed_on":
      return "sent";
    case "reserved":
      return entry.until_ms > now_ms ? "under_way" : sentIf(entry.calls);
    case "dispatched":
      return entry.until_ms > now_ms ? "under_way" : "sent";
    case "left":
      return sentIf(entry.calls);
  }
}

function sentIf(calls: number): CallsSent {
  return calls > 0 ? "sent" : "none";
}
