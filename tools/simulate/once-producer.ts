/** A partition's transactions on the simulated client. */
import type { OnceProducer, SendChunk, TransactionOffsets } from "../../libs/shared/kafka/transactional-producer.ts";
import type { KafkaClient } from "./kafka-client.ts";

/** Opens one by transactional id. */
export function onceProducers(kafka: KafkaClient, timeout_ms: number): (transactional_id: string) => OnceProducer {
  return (transactionalId) => {
    const producer = kafka.producer({
      transactionalId,
      transactionTimeout: timeout_ms,
      allowAutoTopicCreation: false,
    });
    return {
      async take() {
        await producer.connect();
        const fence = await producer.transaction();
        await fence.abort();
      },
      publish: (chunks, offsets) => publish(producer, chunks, offsets),
      close: () => producer.disconnect(),
    };
  };
}

async function publish(
  producer: ReturnType<KafkaClient["producer"]>,
  chunks: readonly SendChunk[],
  { group, topic, partition, offset, metadata }: TransactionOffsets,
): Promise<void> {
  const transaction = await producer.transaction();
  try {
    for (const { topics, compression } of chunks) {
      const topicMessages = topics.map((one) => ({ topic: one.topic, messages: [...one.messages] }));
      await transaction.sendBatch({ topicMessages, compression });
    }
    const note = metadata === undefined ? {} : { metadata };
    const offsets = [{ partition, offset: String(offset), ...note }];
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions: offsets }] });
    await transaction.commit();
  } catch (error) {
    await transaction.abort().catch(() => undefined);
    throw error;
  }
}
