/**
 * What services tell of a request (or a job) for whoever follows it: its states, in a short Redis stream beside the one with its
 * tokens (`token-events.ts`). A convenience like those: the Result has everything.
 *
 * Only of requests with `EVENTS_HEADER`. A state may be there twice, since work may be done twice: a reader passes over one that it has
 * seen. After each write a word goes out on `wakeChannel`, for tokens too; words can be lost, streams cannot.
 */
import type { Redis } from "ioredis";
import type { Settings } from "../config/schema.ts";
import { EVENTS_HEADER } from "../events/headers.ts";
import type { RecordHeaders } from "../kafka/ports.ts";
import type { Log } from "../log.ts";
import { pipelineReplies, withRedis } from "./client.ts";

/** Of a request, in the order in which they come; rounds of retries and deferrals repeat some of them. */
export type RequestState =
  | { readonly state: "admitted"; readonly rate_room?: string }
  | { readonly state: "deferred"; readonly until_ms: number }
  | { readonly state: "routed"; readonly tier: string; readonly model: string; readonly cache: string }
  | { readonly state: "started"; readonly attempt: number }
  | { readonly state: "retrying"; readonly round: number; readonly due_ms: number }
  /** The last one. The Result is in the job view. */
  | { readonly state: "ended"; readonly status: string };

/** Of a job: its progress as its API shows it; `ended` is the last one. */
export type JobProgress = { readonly state: "progress" | "ended"; readonly [field: string]: unknown };

export type FollowedState = RequestState | JobProgress;

export type Told = { readonly tenant: string; readonly id: string; readonly state: FollowedState };

/** Tells whoever follows; never rejects, and what cannot be told is not. */
export type Tell = (told: readonly Told[]) => Promise<void>;

/** Whether somebody may follow the request that these headers travel with. Pure. */
export function isFollowed(headers: RecordHeaders): boolean {
  return headers[EVENTS_HEADER] !== undefined;
}

/** Every state is small, and a request has few. Of a job the last ones are enough. */
const STATES_MAX = 200;

export function statesKey(tenant: string, id: string): string {
  return `states:{${tenant}}:${id}`;
}

/** Where a word goes out when there is something new in the streams of a request. Channels have no prefix of their own. */
export function wakeChannel(key_prefix: string, tenant: string, id: string): string {
  return `${key_prefix}wake:${tenant} ${id}`;
}

const MINUTE_MS = 60_000;

/** As the settings have it: states are kept as long as tokens. */
export function requestStates(redis: Redis, settings: Pick<Settings, "redis" | "inference">): RequestStates {
  return new RequestStates(redis, settings.redis.key_prefix, settings.inference.stream.ttl_minutes * MINUTE_MS);
}

export class RequestStates {
  readonly #redis: Redis;
  readonly #key_prefix: string;
  readonly #ttl_ms: number;

  constructor(redis: Redis, key_prefix: string, ttl_ms: number) {
    this.#redis = redis;
    this.#key_prefix = key_prefix;
    this.#ttl_ms = ttl_ms;
  }

  /** For services, whose work goes on whether anybody hears of it or not. */
  quietly(log: Log): Tell {
    return (told) => this.tell(told).catch((error: unknown) => log.debug({ error }, "states could not be told"));
  }

  /** In one round trip. Rejects (retryable) while Redis is away. */
  async tell(told: readonly Told[]): Promise<void> {
    if (told.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const { tenant, id, state } of told) {
      const key = statesKey(tenant, id);
      pipeline.xadd(key, "MAXLEN", "~", STATES_MAX, "*", "data", JSON.stringify(state));
      pipeline.pexpire(key, this.#ttl_ms);
      pipeline.publish(wakeChannel(this.#key_prefix, tenant, id), "");
    }
    await withRedis(async () => pipelineReplies(await pipeline.exec()));
  }
}

/** An entry of the stream, by its id; undefined for one that nobody here wrote. Pure. */
export function readStateEntry(fields: readonly string[]): FollowedState | undefined {
  const [name, data] = fields;
  if (name !== "data" || data === undefined) return undefined;
  try {
    return JSON.parse(data) as FollowedState;
  } catch {
    return undefined;
  }
}
