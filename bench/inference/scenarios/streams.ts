/** When the first token of a streamed answer can be read in Redis, beside a direct call to the same mock. */
import { request } from "undici";
import { systemClock } from "../../../libs/shared/clock.ts";
import { connectRedis, redisReady } from "../../../libs/shared/redis/client.ts";
import { streamKey } from "../../../libs/shared/redis/job-keys.ts";
import { readTokenEntry } from "../../../libs/shared/redis/token-events.ts";
import { percentiles } from "../../support/percentiles.ts";
import { chatBody } from "../jobs.ts";
import type { Scenario } from "../scenario.ts";
import type { InferenceStack } from "../stack.ts";

const TIER = "small";
const TTFT_MS = 200;
const WARM_UP = 5;
/** The write waits up to `inference.stream.flush_ms` (20) for others; the rest is two hops on one machine. */
const ADDED_MS_MAX = 50;
/** Less than the connection's time-out for a command. */
const BLOCK_MS = 4_000;

export const streams: Scenario = {
  name: "streams",
  summary: `time to the first token in the Redis stream, with a model that takes ${TTFT_MS} ms to it`,
  seconds: 20,
  async run(bench) {
    const stack = await bench.start({ partitions: 4, tiers: { [TIER]: {} }, mock: { ttft_ms: TTFT_MS, itl_ms: 10 } });
    const follow = await follower(stack);
    const until_ms = performance.now() + bench.seconds * 1_000;
    const direct: number[] = [];
    const from_dispatch: number[] = [];
    const from_topic: number[] = [];
    for (let at = 0; at < WARM_UP || performance.now() < until_ms; at += 1) {
      const direct_ms = await directly(stack, `direct-${at}`);
      const seen = await follow.one(`stream-${at}`);
      if (at < WARM_UP) continue;
      direct.push(direct_ms);
      from_dispatch.push(seen.from_dispatch_ms);
      from_topic.push(seen.from_topic_ms);
    }
    follow.close();
    const base = percentiles(direct).p50;
    const beside = { name: "direct call p50", value: base };
    const target = { at_most: base + ADDED_MS_MAX };
    const [dispatch, topic] = [percentiles(from_dispatch), percentiles(from_topic)];
    return [
      { name: "streams", value: from_dispatch.length, unit: "" },
      { name: "first token in Redis, from the call, p50", value: dispatch.p50, unit: "ms", target, beside },
      { name: "first token in Redis, from the call, p95", value: dispatch.p95, unit: "ms", beside },
      { name: "first token in Redis, from the topic, p50", value: topic.p50, unit: "ms", beside },
      { name: "first token in Redis, from the topic, p95", value: topic.p95, unit: "ms", beside },
    ];
  },
};

type Seen = { readonly from_dispatch_ms: number; readonly from_topic_ms: number };

type Follower = { one(id: string): Promise<Seen>; close(): void };

/** Follows one stream at a time. */
async function follower(stack: InferenceStack): Promise<Follower> {
  const { environment, log, settings } = stack.context;
  const redis = connectRedis(environment.redis.nodes[0] ?? "", "bench", log, settings.redis.key_prefix);
  await redisReady(redis, BLOCK_MS);
  const dispatched = new Map<string, (at_ms: number) => void>();
  await stack.onOutcome(({ head }) => dispatched.get(head.id)?.(head.timing.dispatched ?? Number.NaN));
  const firstToken = async (key: string): Promise<number> => {
    let last = "0-0";
    for (;;) {
      const read = await redis.xread("BLOCK", BLOCK_MS, "STREAMS", key, last);
      if (read === null) throw new Error(`no token in ${BLOCK_MS} ms`);
      for (const [id, fields] of read[0]?.[1] ?? []) {
        last = id;
        if (readTokenEntry(fields)?.kind === "token") return systemClock.now_ms();
      }
    }
  };
  return {
    async one(id) {
      const { promise: dispatched_ms, resolve } = Promise.withResolvers<number>();
      dispatched.set(id, resolve);
      const seen_ms = firstToken(streamKey("demo", id));
      const body = chatBody(id, { stream: true, metadata: { mock_tokens: "10" } });
      const produced_ms = systemClock.now_ms();
      await stack.produce(1, () => ({ id, tier: TIER, kind: "chat", body }));
      const at_ms = await seen_ms;
      const from_dispatch_ms = at_ms - (await dispatched_ms);
      dispatched.delete(id);
      return { from_dispatch_ms, from_topic_ms: at_ms - produced_ms };
    },
    close: () => redis.disconnect(),
  };
}

/** @returns ms to the first chunk of a streamed call to the mock itself. */
async function directly({ mock }: InferenceStack, id: string): Promise<number> {
  const body = JSON.stringify({ ...chatBody(id, { stream: true, metadata: { mock_tokens: "10" } }), model: TIER });
  const start_ms = performance.now();
  const answer = await request(`${mock.base_url}/chat/completions`, { method: "POST", body });
  let first_ms: number | undefined;
  for await (const _ of answer.body) first_ms ??= performance.now() - start_ms;
  return first_ms ?? Number.NaN;
}
