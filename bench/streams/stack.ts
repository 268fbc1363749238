/** A gateway of a scenario's own, as a process of its own, and Redis beside it: the scenario plays the other services. */
import type { Redis } from "ioredis";
import { ROOT } from "../../cli/context.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import type { Scale } from "../../tools/stack/services.ts";
import { KEY_PREFIX } from "../support/redis.ts";
import type * as scenarios from "../support/scenarios.ts";
import { ownSettings } from "../support/settings.ts";
import { type BenchStack, startBenchStack } from "../support/stack.ts";

export type StackOptions = {
  /** Settings of `gateway.streams`. */
  readonly streams?: object;
};

export type StreamsStack = BenchStack & {
  readonly redis: Redis;
  readonly key_prefix: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a request's events. */
  eventsUrl(id: string): string;
  /** The gateway as it runs now, for `sample`. */
  gateway(): { readonly name: string; readonly pid: number };
  /** SIGKILL, and another one at the same address; resolves when that is ready. */
  killGateway(): Promise<void>;
};

export type Bench = scenarios.Bench<StackOptions, StreamsStack>;
export type Scenario = scenarios.Scenario<StackOptions, StreamsStack>;

/** Of the demo tenant. */
export const TENANT = "demo";
/** The results service stands by: it makes the tables that the gateway looks results up in. */
const GATEWAY_ALONE: Scale = { ingest: 0, router: 0, inference: 0, results: 1 };
const READY_WAIT_MS = 5_000;

export async function startStreamsStack(
  name: string,
  { streams = {} }: StackOptions,
  signal: AbortSignal,
): Promise<StreamsStack> {
  const settings = ownSettings(ROOT, { gateway: { streams } });
  try {
    const started = { root: ROOT, name: `bench-streams-${name}`, settings_file: settings.file, signal };
    const stack = await startBenchStack({ ...started, scale: GATEWAY_ALONE });
    const redis = connectRedis(stack.parts.urls.redis, "bench", silentLog, KEY_PREFIX);
    await redisReady(redis, READY_WAIT_MS);
    return {
      ...stack,
      ...{ redis, key_prefix: KEY_PREFIX },
      headers: { authorization: `Bearer ${stack.api_key}` },
      eventsUrl: (id) => `${stack.gateway_url}/v1/requests/${id}/events`,
      gateway() {
        const found = stack.supervisor.processes().find((one) => one.name === "gateway");
        if (found === undefined) throw new Error("the gateway does not run");
        return found;
      },
      killGateway: () => stack.supervisor.restart("gateway", { signal: "SIGKILL" }),
      async stop() {
        redis.disconnect();
        await stack.stop();
        settings.remove();
      },
    };
  } catch (error) {
    settings.remove();
    throw error;
  }
}
