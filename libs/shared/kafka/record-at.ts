/** Fetches one record from where it is known to stand. */
import type { Kafka } from "kafkajs";
import type { InRecord, TopicPartition } from "./ports.ts";
import { RangeReader } from "./range-reader.ts";

/**
 * @returns undefined where retention has taken it, or nothing was ever there.
 * @throws retryable when Kafka is away.
 */
export async function recordAt(
  kafka: Kafka,
  { offset, ...tp }: TopicPartition & { readonly offset: number },
): Promise<InRecord | undefined> {
  const reader = new RangeReader(kafka);
  try {
    return (await reader.readAt(tp, [offset])).get(offset);
  } finally {
    await reader.close();
  }
}
