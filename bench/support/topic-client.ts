/** A client that speaks topics only: produces requests, reads results as read_committed, and matches them by key. */
import type { Kafka } from "kafkajs";
import { createKafka } from "../../libs/shared/kafka/client.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { readAs } from "./member.ts";

export type TopicClient = {
  /** Produces one value and resolves with the first record that comes back under its key. */
  ask(key: string, value: Buffer): Promise<InRecord>;
  /** Produces without waiting for what comes back. */
  send(records: readonly { readonly key: string; readonly value: Buffer }[]): Promise<void>;
  /** Records that came back under a key that was answered already: repeats. */
  readonly repeats: () => number;
  close(): Promise<void>;
};

export async function topicClient(brokers: string, to: string, from: string): Promise<TopicClient> {
  const kafka: Kafka = createKafka({ brokers: brokers.split(","), client_id: "bench", log: silentLog });
  const producer = new BatchingProducer(kafka, { request_records_max: 1_000, request_bytes_max: 4 * 1024 * 1024 });
  await producer.connect();
  const waiting = new Map<string, (record: InRecord) => void>();
  let repeats = 0;
  const consumer = await readAs(kafka, `bench-${process.pid}-${Date.now()}`, from, (records) => {
    for (const record of records) {
      const key = record.key?.toString() ?? "";
      const waiter = waiting.get(key);
      if (waiter === undefined) repeats += 1;
      waiting.delete(key);
      waiter?.(record);
    }
  });
  return {
    async ask(key, value) {
      const answer = new Promise<InRecord>((done) => waiting.set(key, done));
      await producer.publish([{ topic: to, key, value }]);
      return answer;
    },
    send: (records) => producer.publish(records.map(({ key, value }) => ({ topic: to, key, value }))),
    repeats: () => repeats,
    async close() {
      await consumer.stop();
      await producer.close();
    },
  };
}
