/** Fetches one record from where it is known to stand. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import { unavailable } from "../errors.ts";
import type { InRecord, TopicPartition } from "./ports.ts";
import { TopicReader } from "./reader.ts";

const WAIT_MS_MAX = 20_000;

/**
 * @returns undefined where retention has taken it, or nothing was ever there.
 * @throws retryable when Kafka is away or too slow.
 */
export async function recordAt(
  kafka: Kafka,
  { topic, partition, offset }: TopicPartition & { readonly offset: number },
): Promise<InRecord | undefined> {
  const found = Promise.withResolvers<InRecord | undefined>();
  const reader = new TopicReader(kafka, {
    topic,
    partition,
    from: { kind: "offset", offset },
    until_end: true,
    records(records) {
      // The first that comes is the one, or stands behind where it was.
      const [first] = records;
      if (first !== undefined) found.resolve(first.offset === offset ? first : undefined);
    },
  });
  const stopping = new AbortController();
  try {
    await reader.start();
    const late = sleep(WAIT_MS_MAX, undefined, { signal: stopping.signal }).then(() => {
      throw unavailable("kafka", new Error(`${topic} was not read in ${WAIT_MS_MAX} ms`));
    });
    late.catch(() => undefined);
    return await Promise.race([found.promise, reader.done.then(() => undefined), late]);
  } finally {
    stopping.abort();
    await reader.stop();
  }
}
