/**
 * The job view: what a caller may ask about a request, in one Redis hash per (tenant, id), and the channel on which a waiting
 * gateway hears of it. A view, rebuildable from `llm.results`; Postgres has the lasting row.
 */
import type { ResultStatus } from "../events/fields.ts";
import { pipelineReplies, type RedisClient, withRedis } from "./client.ts";
import { openKey, seenKey } from "./job-keys.ts";

export type JobStatus = "queued" | "deferred" | "running" | ResultStatus;

export type FinishedJob = {
  readonly tenant: string;
  readonly id: string;
  readonly status: ResultStatus;
  /** The Result as JSON text. */
  readonly result: Buffer;
  /** The gateway that waits for it, from the record header. */
  readonly reply_to: string | undefined;
  /** For that gateway: what is left of the rate limits, as the record header has it. */
  readonly rate_room?: string | undefined;
  /** It was taken by the gateway, and is among its tenant's open requests. */
  readonly followed?: boolean;
};

/** Open requests of a tenant that are listed; beyond, the oldest are not. */
const OPEN_MAX = 10_000;

export type JobView = {
  readonly status: JobStatus;
  readonly updated_ms: number;
  /** Of `deferred`: when it is asked about again, epoch ms. */
  readonly until_ms?: number;
  /** The Result as JSON text, once there is one. */
  readonly result?: string;
};

/** A request that is asked about again later. */
export type DeferredJob = {
  readonly tenant: string;
  readonly id: string;
  /** Epoch ms. */
  readonly until_ms: number;
};

export interface JobViewWriter {
  /** Stores the views and tells the gateways that wait, in one round trip. */
  finish(jobs: readonly FinishedJob[], now_ms: number): Promise<void>;
}

/** The tenant is the hash tag, so that all keys of one tenant share a slot in a cluster. */
function jobKey(tenant: string, id: string): string {
  return `job:{${tenant}}:${id}`;
}

/** `<until_ms> <updated_ms>` of a request that waits; it ends by itself soon after, when the request is asked about again. */
function deferredKey(tenant: string, id: string): string {
  return `deferred:{${tenant}}:${id}`;
}

/** How long a deferred request may take from its time to being asked about, before it counts as going on. */
const DEFERRED_SLACK_MS = 5_000;

export function replyChannel(gateway: string): string {
  return `sluice:reply:${gateway}`;
}

export class RedisJobViews implements JobViewWriter {
  readonly #redis: RedisClient;
  readonly #ttl_ms: number;

  constructor(redis: RedisClient, ttl_ms: number) {
    this.#redis = redis;
    this.#ttl_ms = ttl_ms;
  }

  async finish(jobs: readonly FinishedJob[], now_ms: number): Promise<void> {
    if (jobs.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const { tenant, id, status, result, reply_to, rate_room, followed } of jobs) {
      const key = jobKey(tenant, id);
      pipeline.hset(key, "status", status, "updated_ms", now_ms, "result", result);
      pipeline.pexpire(key, this.#ttl_ms);
      if (followed) pipeline.zrem(openKey(tenant), id);
      if (reply_to === undefined) continue;
      pipeline.publish(replyChannel(reply_to), replyMessage({ tenant, id, rate_room }, result));
    }
    await withRedis(async () => pipelineReplies(await pipeline.exec()));
  }

  /** Marks a request as accepted for the topic, unless more is known already; until it has ended it is among its tenant's open ones. */
  async queued(tenant: string, id: string, now_ms: number): Promise<void> {
    const key = jobKey(tenant, id);
    const pipeline = this.#redis.pipeline();
    pipeline.hsetnx(key, "status", "queued");
    pipeline.hsetnx(key, "updated_ms", String(now_ms));
    pipeline.pexpire(key, this.#ttl_ms);
    const open = openKey(tenant);
    pipeline.zadd(open, "NX", now_ms, id);
    pipeline.zremrangebyscore(open, "-inf", `(${now_ms - this.#ttl_ms}`);
    pipeline.zremrangebyrank(open, 0, -OPEN_MAX - 1);
    pipeline.pexpire(open, this.#ttl_ms);
    await withRedis(async () => pipelineReplies(await pipeline.exec()));
  }

  /** Marks requests as deferred, until they are asked about again or have ended, in one round trip. */
  async deferred(jobs: readonly DeferredJob[], now_ms: number): Promise<void> {
    if (jobs.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const { tenant, id, until_ms } of jobs) {
      const ttl_ms = Math.max(0, Math.ceil(until_ms - now_ms)) + DEFERRED_SLACK_MS;
      pipeline.set(deferredKey(tenant, id), `${until_ms} ${now_ms}`, "PX", ttl_ms);
    }
    await withRedis(async () => pipelineReplies(await pipeline.exec()));
  }

  async read(tenant: string, id: string): Promise<JobView | undefined> {
    return (await this.readMany(tenant, [id]))[0];
  }

  /** In the order of the ids, in one round trip. */
  async readMany(tenant: string, ids: readonly string[]): Promise<(JobView | undefined)[]> {
    if (ids.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const id of ids) {
      pipeline.hgetall(jobKey(tenant, id));
      pipeline.exists(seenKey(tenant, id));
      pipeline.get(deferredKey(tenant, id));
    }
    const replies = await withRedis(async () => pipelineReplies(await pipeline.exec()));
    return ids.map((_, at) => viewOf(...(replies.slice(at * 3, at * 3 + 3) as Parameters<typeof viewOf>)));
  }
}

function viewOf(view: Record<string, string>, seen: number, waits: string | null): JobView | undefined {
  const status = view["status"] as JobStatus | undefined;
  if (waits !== null && (status === undefined || status === "queued")) {
    const [until_ms, updated_ms] = waits.split(" ").map(Number);
    return { status: "deferred", updated_ms: updated_ms ?? 0, until_ms: until_ms ?? 0 };
  }
  if (status === undefined && seen === 0) return undefined;
  const moved: JobStatus =
    seen === 1 && (status === undefined || status === "queued") ? "running" : (status ?? "queued");
  const result = view["result"] === undefined ? {} : { result: view["result"] };
  return { status: moved, updated_ms: Number(view["updated_ms"] ?? 0), ...result };
}

export type Reply = {
  readonly tenant: string;
  readonly id: string;
  /** The Result as JSON text. */
  readonly result: string;
  /** What is left of the rate limits, as the record header has it. */
  readonly rate_room?: string | undefined;
};

/** `<tenant> <id>[ <rate room>]\n<result>`: no part of the first line holds white space. */
export function replyMessage({ tenant, id, rate_room }: Omit<Reply, "result">, result: Buffer): Buffer {
  const room = rate_room === undefined || /\s/.test(rate_room) ? "" : ` ${rate_room}`;
  return Buffer.concat([Buffer.from(`${tenant} ${id}${room}\n`), result]);
}

export function parseReply(message: string): Reply {
  const end = message.indexOf("\n");
  const [tenant = "", id = "", rate_room] = message.slice(0, end).split(" ");
  return { tenant, id, result: message.slice(end + 1), ...(rate_room === undefined ? {} : { rate_room }) };
}
