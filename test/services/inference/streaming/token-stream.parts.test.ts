/** A token stream on a real Redis: what it takes, what it refuses, and how a reader follows it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { inferenceSchema } from "../../../../libs/shared/config/inference.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { connectRedis } from "../../../../libs/shared/redis/client.ts";
import { streamKey } from "../../../../libs/shared/redis/job-keys.ts";
import { readTokenEntry } from "../../../../libs/shared/redis/token-events.ts";
import {
  RedisTokenStreams,
  redisStreamCommands,
  type StreamCommands,
} from "../../../../services/inference/streaming/token-stream.ts";
import { connectGiven } from "../../../support/redis.ts";

const PREFIX = "sluice:";
const redis = await connectGiven("token-stream-test", PREFIX);
const settings = inferenceSchema.parse({}).stream;
const OPTIONS = { settings, key_prefix: PREFIX, clock: systemClock };

after(() => redis.disconnect());

test("tokens are there once and in order, though an answer of Redis was lost, and can be followed from any of them", async () => {
  const id = randomUUID();
  const run = redisStreamCommands(redis);
  let lose = 0;
  const commands: StreamCommands = async (list) => {
    const replies = await run(list);
    if (lose === 0) return replies;
    lose -= 1;
    throw new Error("connection reset");
  };
  const dropped: number[] = [];
  const streams = new RedisTokenStreams(commands, { ...OPTIONS, dropped: (n) => dropped.push(n) });
  const stream = streams.open("demo", id);
  stream.start({ attempt: 1, model: "m", endpoint: "e" });
  stream.token("a");
  await streams.close();

  // The writer of a later attempt: the second of its round trips is answered to nobody.
  const next = new RedisTokenStreams(commands, { ...OPTIONS, dropped: (n) => dropped.push(n) });
  const later = next.open("demo", id);
  later.start({ attempt: 2, model: "m", endpoint: "e" });
  const written = Promise.withResolvers<void>();
  const watch = setInterval(() => next.held === 0 && written.resolve(), 1);
  await written.promise;
  lose = 1;
  later.token("b");
  later.token("c");
  const repeated = Promise.withResolvers<void>();
  const watchAgain = setInterval(() => next.held === 0 && repeated.resolve(), 1);
  await repeated.promise;
  clearInterval(watch);
  clearInterval(watchAgain);
  later.end({ status: "succeeded" });
  await next.close();

  const key = streamKey("demo", id);
  const entries = await redis.xrange(key, "-", "+");
  const events = entries.map(([, fields]) => readTokenEntry(fields));
  assert.deepEqual(
    events.map((event) => (event?.kind === "token" ? event.chunk : event?.kind)),
    ["start", "a", "start", "b", "c", "end"],
  );
  assert.deepEqual(dropped, []);
  assert.ok((await redis.pttl(key)) > 3_500_000);
  const resumed = await redis.xread("STREAMS", key, entries[3]?.[0] as string);
  assert.deepEqual(
    resumed?.[0]?.[1].map(([place]) => place),
    entries.slice(4).map(([place]) => place),
  );
});

test("a key that holds something else costs the stream, and nothing more", async () => {
  const id = randomUUID();
  await redis.set(streamKey("demo", id), "x", "PX", 60_000);
  let dropped = 0;
  const count = (events: number): void => {
    dropped += events;
  };
  const streams = new RedisTokenStreams(redisStreamCommands(redis), { ...OPTIONS, dropped: count });
  const stream = streams.open("demo", id);
  stream.start({ attempt: 1, model: "m", endpoint: "e" });
  stream.token("a");
  await streams.close();
  assert.deepEqual([dropped, streams.held], [2, 0]);
});

test("a connection that is not there is no answer", async () => {
  const nowhere = connectRedis("redis://127.0.0.1:1", "token-stream-test", silentLog, PREFIX);
  await assert.rejects(redisStreamCommands(nowhere)([["pexpire", "x", 1]]));
  nowhere.disconnect();
});
