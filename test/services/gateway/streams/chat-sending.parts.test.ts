/** Chat streams over a real Redis, with tokens as inference writes them, read by OpenAI's client: many at once, each whole and in order. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import OpenAI from "openai";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { gatewaySchema } from "../../../../libs/shared/config/gateway.ts";
import { inferenceSchema } from "../../../../libs/shared/config/inference.ts";
import { parseReply, RedisJobViews, replyChannel } from "../../../../libs/shared/redis/job-views.ts";
import { RequestStates } from "../../../../libs/shared/redis/request-states.ts";
import { RedisStreamReader } from "../../../../services/gateway/streams/reader.ts";
import { RedisWakes } from "../../../../services/gateway/streams/wakes.ts";
import { WaitingCallers } from "../../../../services/gateway/waiting.ts";
import { RedisTokenStreams, redisStreamCommands } from "../../../../services/inference/streaming/token-stream.ts";
import { connectGiven, without_redis } from "../../../support/redis.ts";
import { type Fixture, KEY, listening, type Script } from "../gateway-fixture.ts";

const TTL_MS = 600_000;
const CALLERS = 40;
const WORDS = 30;
const USAGE = {
  ...{ prompt_tokens: 3, cached_prompt_tokens: 0, completion_tokens: WORDS, cost_usd: 0.5, price_version: "1" },
  estimated: false,
};
const word = (id: string, at: number): string => `${id.slice(-4)}:${at} `;
const wordsOf = (id: string): string => Array.from({ length: WORDS }, (_, at) => word(id, at)).join("");

describe("chat streams over Redis", { skip: without_redis }, () => {
  const prefix = `test-${randomUUID()}:`;
  const connections: Redis[] = [];
  const open = async (name: string): Promise<Redis> => {
    const redis = await connectGiven(name, prefix);
    connections.push(redis);
    return redis;
  };
  const settings = gatewaySchema.parse({ streams: { look_ms: 1_000 } });
  const waiting = new WaitingCallers(systemClock);
  let gateway: Fixture;
  let wakes: RedisWakes;
  let tokens: RedisTokenStreams;
  let states: RequestStates;
  let views: RedisJobViews;
  let script: Script = () => undefined;

  before(async () => {
    const redis = await open("chat-test");
    const words = await open("chat-test-words");
    const replies = await open("chat-test-replies");
    wakes = new RedisWakes(words, { settings: settings.streams, key_prefix: prefix, clock: systemClock });
    states = new RequestStates(redis, prefix, TTL_MS);
    views = new RedisJobViews(redis, TTL_MS);
    tokens = new RedisTokenStreams(redisStreamCommands(redis), {
      ...{ settings: inferenceSchema.parse({}).stream, clock: systemClock, dropped: () => undefined },
      key_prefix: prefix,
    });
    replies.on("message", (_channel, message) => waiting.deliver(parseReply(message)));
    await replies.subscribe(replyChannel("gateway-1"));
    const reader = new RedisStreamReader(redis);
    gateway = await listening((sent, pipe) => script(sent, pipe), { settings, wakes, reader, waiting, views });
  });
  after(async () => {
    await gateway.close();
    wakes.stop();
    await tokens.close();
    for (const redis of connections) redis.disconnect();
  });

  const finish = (id: string, content: string) => {
    const message = { role: "assistant", content };
    const response = { id: "c", object: "chat.completion", choices: [{ index: 0, message, finish_reason: "stop" }] };
    const result = Buffer.from(
      JSON.stringify({ id, tenant: "demo", status: "succeeded", timing: {}, response, usage: USAGE }),
    );
    return views.finish([{ tenant: "demo", id, status: "succeeded", result, reply_to: "gateway-1" }], 1);
  };

  async function streamed(): Promise<{ id: string; text: string; chunks: number }> {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    const ask = { model: "auto", messages: [{ role: "user" as const, content: "hi" }], stream: true as const };
    const { data, response } = await client.chat.completions.create(ask).withResponse();
    let text = "";
    let chunks = 0;
    for await (const { choices } of data) {
      chunks += 1;
      text += choices[0]?.delta.content ?? "";
    }
    return { id: response.headers.get("x-sluice-id") as string, text, chunks };
  }

  const writeWords = (stream: ReturnType<RedisTokenStreams["open"]>, id: string): Promise<void> =>
    new Promise((resolve) => {
      let at = 0;
      const next = (): void => {
        const delta = { content: word(id, at) };
        stream.token(JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason: null }] }));
        at += 1;
        if (at < WORDS) setImmediate(next);
        else resolve();
      };
      next();
    });

  test("are whole and in order, however many there are", async () => {
    script = async ({ id }) => {
      const stream = tokens.open("demo", id);
      await states.tell([{ tenant: "demo", id, state: { state: "admitted" } }]);
      stream.start({ attempt: 1, model: "m", endpoint: "e" });
      await writeWords(stream, id);
      stream.end({ status: "succeeded", usage: USAGE });
    };
    const all = await Promise.all(Array.from({ length: CALLERS }, streamed));
    for (const { id, text, chunks } of all) {
      assert.equal(text, wordsOf(id));
      assert.equal(chunks, WORDS);
    }
    assert.deepEqual([wakes.count, waiting.count], [0, 0]);
  });

  test("are whole too where the Result comes before the last tokens, or there is nothing else", async () => {
    let count = 0;
    script = async ({ id }) => {
      count += 1;
      if (count % 2 === 0) {
        const stream = tokens.open("demo", id);
        stream.start({ attempt: 1, model: "m", endpoint: "e" });
        await writeWords(stream, id);
      }
      await finish(id, wordsOf(id));
    };
    const all = await Promise.all(Array.from({ length: CALLERS }, streamed));
    for (const { id, text } of all) assert.equal(text, wordsOf(id));
  });
});
