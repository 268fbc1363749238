/** Where warmed entries go: embedded together, then answers into Redis, then entries onto llm.cache, as results does. */
import { cacheEntryOut } from "../../libs/shared/cache/entry-records.ts";
import { keptAnswer } from "../../libs/shared/cache/kept-answer.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { encodeVector, quantize } from "../../libs/shared/embedding/quantized.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { RedisCacheAnswers } from "../../libs/shared/redis/cache-answers-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import type { CliContext } from "../context.ts";
import type { WarmEntry } from "./warm-entry.ts";

const READY_MS = 5_000;

export type WarmSink = { write(entries: readonly WarmEntry[]): Promise<void> };

/** @param embedder undefined: entries are found by equal requests alone. @throws retryable while Redis or Kafka is away. */
export async function withWarmSink<T>(
  { environment, settings, log, kafka, codec, names }: CliContext,
  embedder: Embedder | undefined,
  work: (sink: WarmSink) => Promise<T>,
): Promise<T> {
  const redis = connectRedis(environment.redis, "cli", log, settings.redis.key_prefix);
  const producer = new BatchingProducer(kafka, settings.producer);
  const answers = new RedisCacheAnswers(redis);
  try {
    await redisReady(redis, READY_MS);
    await producer.connect();
    return await work({
      async write(entries) {
        const embedded = await withEmbeddings(entries, embedder);
        const kept = embedded.map(({ head, response }) => keptAnswer(head, response));
        await answers.finish(kept, [], systemClock.now_ms());
        await producer.publish(embedded.map(({ head, response }) => cacheEntryOut(codec, names.cache, head, response)));
      },
    });
  } finally {
    redis.disconnect();
    await producer.close();
  }
}

async function withEmbeddings(entries: readonly WarmEntry[], embedder: Embedder | undefined): Promise<WarmEntry[]> {
  if (embedder === undefined) return [...entries];
  const texts = entries.flatMap(({ head }) => head.text ?? []);
  const vectors = (texts.length === 0 ? [] : await embedder.embed(texts)).values();
  return entries.map(({ head, response }) => {
    const vector = head.text === undefined ? undefined : vectors.next().value;
    if (vector === undefined) return { head, response };
    const embedding = encodeVector(quantize(vector));
    return { head: { ...head, embedding, embedding_model: embedder.model }, response };
  });
}
