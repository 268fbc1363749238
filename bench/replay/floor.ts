/** The floor of a replay: as many bytes read and written, partitions side by side, and nothing done with them. */
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { RangeReader } from "../../libs/shared/kafka/range-reader.ts";
import type { ReplayStack } from "./stack.ts";

/** @returns records a second. */
export async function floorOf({ kafka }: Pick<ReplayStack, "kafka">, from: string, to: string): Promise<number> {
  const reader = new RangeReader(kafka);
  const producer = new BatchingProducer(kafka, { request_records_max: 1_000, request_bytes_max: 4 * 1024 * 1024 });
  const admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  const bounds = await reader.bounds(from);
  await admin.createTopics({ topics: [{ topic: to, numPartitions: bounds.size }], waitForLeaders: true });
  const begin_ms = performance.now();
  let count = 0;
  await Promise.all(
    [...bounds].map(async ([partition, { low, end }]) => {
      for await (const records of reader.read({ topic: from, partition, from: low, to: end })) {
        await producer.publish(records.map(({ key, value, headers }) => ({ topic: to, key, value, headers })));
        count += records.length;
      }
    }),
  );
  const took_ms = performance.now() - begin_ms;
  await Promise.all([reader.close(), producer.close(), admin.disconnect()]);
  return count / (took_ms / 1_000);
}
