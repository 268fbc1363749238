/** A group member that only reads, for load generators and forwarders. */
import type { Kafka } from "kafkajs";
import { systemClock } from "../../libs/shared/clock.ts";
import { KafkaConsumer } from "../../libs/shared/kafka/consumer.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../libs/shared/log.ts";

/** Resolves once the group gave it its partitions. */
export async function readAs(
  kafka: Kafka,
  group: string,
  topic: string,
  records: (records: readonly InRecord[]) => void,
): Promise<KafkaConsumer> {
  const consumer = new KafkaConsumer(kafka, {
    group,
    topics: [topic],
    log: silentLog,
    clock: systemClock,
    session_timeout_ms: 10_000,
    fetch_wait_ms: 250,
    fetch_partition_bytes_max: 1024 * 1024,
    fetch_pause_ms_max: 0,
  });
  const { promise: joined, resolve } = Promise.withResolvers<void>();
  const ignored = (): void => undefined;
  await consumer.start({ alive: ignored, assigned: () => resolve(), crashed: ignored, rebalancing: ignored, records });
  await joined;
  return consumer;
}
