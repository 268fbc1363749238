/** Plays the services for requests whose scripts it has: writes their states, tokens and Results to Redis as these do. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { systemClock } from "../../libs/shared/clock.ts";
import { inferenceSchema } from "../../libs/shared/config/inference.ts";
import { RedisJobViews } from "../../libs/shared/redis/job-views.ts";
import type { Told } from "../../libs/shared/redis/request-events.ts";
import { RequestStates } from "../../libs/shared/redis/request-states.ts";
import {
  RedisTokenStreams,
  redisStreamCommands,
  type TokenStream,
} from "../../services/inference/streaming/token-stream.ts";
import type { Script, Step } from "./script.ts";

export type DriverOptions = {
  readonly redis: Redis;
  readonly key_prefix: string;
  readonly tenant: string;
  /** Between two steps of a request; all requests take theirs at moments of their own. */
  readonly step_ms: number;
  readonly signal: AbortSignal;
};

export type Driven = {
  /** Of the token streams, while Redis was slow. */
  readonly dropped: number;
};

const TTL_MS = 3_600_000;
/** Steps are taken together, so often in `step_ms`. */
const TICKS = 20;

/** Says of all requests that they are taken, as the gateway does when it takes one. */
export async function announce(scripts: readonly Script[], { redis, tenant }: DriverOptions): Promise<void> {
  const views = new RedisJobViews(redis, TTL_MS);
  await Promise.all(scripts.map(({ id }) => views.queued(tenant, id, systemClock.now_ms())));
}

/** Resolves when all have ended. */
export async function drive(scripts: readonly Script[], options: DriverOptions): Promise<Driven> {
  const { redis, key_prefix, tenant, step_ms, signal } = options;
  let dropped = 0;
  const streams = new RedisTokenStreams(redisStreamCommands(redis), {
    settings: inferenceSchema.parse({}).stream,
    key_prefix,
    clock: systemClock,
    dropped: (events) => {
      dropped += events;
    },
  });
  const states = new RequestStates(redis, key_prefix, TTL_MS);
  const views = new RedisJobViews(redis, TTL_MS);
  const actors = scripts.map((script, at) => ({ script, at, next: 0, tokens: streams.open(tenant, script.id) }));
  let left = actors.length;
  for (let tick = 0; left > 0; tick += 1) {
    const began_ms = performance.now();
    const told: Told[] = [];
    const ended: Script[] = [];
    const due = actors.filter(({ at, next, script }) => at % TICKS === tick % TICKS && next <= script.steps.length);
    // A new attempt takes back what is not yet written of the one before, which its reader is to get here.
    if (due.some(({ next, script }) => script.steps[next]?.kind === "start")) await written(streams, signal);
    for (const actor of due) {
      const step = actor.script.steps[actor.next];
      actor.next += 1;
      if (step === undefined) ended.push(actor.script);
      else play(step, actor.tokens, (state) => told.push({ tenant, id: actor.script.id, state }));
    }
    await states.tell(told);
    const finished = ended.map(({ id, result }) => ({
      ...{ tenant, id, status: "succeeded" as const, reply_to: undefined },
      result: Buffer.from(result),
    }));
    await views.finish(finished, systemClock.now_ms());
    await states.tell(ended.map(({ id }) => ({ tenant, id, state: { state: "ended", status: "succeeded" } })));
    left -= ended.length;
    await sleep(Math.max(0, step_ms / TICKS - (performance.now() - began_ms)), undefined, { signal });
  }
  await streams.close();
  return { dropped };
}

async function written(streams: RedisTokenStreams, signal: AbortSignal): Promise<void> {
  while (streams.held > 0) await sleep(1, undefined, { signal });
}

function play(step: Step, tokens: TokenStream, tell: (state: Told["state"]) => void): void {
  if (step.kind === "state") tell(step.state);
  else if (step.kind === "start") tokens.start({ attempt: step.attempt, model: "model", endpoint: "endpoint" });
  else if (step.kind === "token") tokens.token(step.chunk);
  else tokens.end({ status: "succeeded" });
}
