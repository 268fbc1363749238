/** API keys on the tenants topic, read whole and written one by one. */
import { keyRecordOut, readKeyChange } from "../../libs/shared/events/key-records.ts";
import type { KeyRecord } from "../../libs/shared/events/tenants.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import type { CliContext } from "../context.ts";

/** Every key that is on the topic now, by id; revoked ones too. */
export async function readKeys({ kafka, codec, names }: CliContext): Promise<ReadonlyMap<string, KeyRecord>> {
  const keys = new Map<string, KeyRecord>();
  const reader = new TopicReader(kafka, {
    topic: names.tenants,
    from: { kind: "beginning" },
    until_end: true,
    async records(records) {
      for (const record of records) {
        const change = await readKeyChange(codec, record);
        if (change?.record !== undefined) keys.set(change.id, change.record);
        else if (change !== undefined) keys.delete(change.id);
      }
    },
  });
  await reader.start();
  try {
    await reader.done;
  } finally {
    await reader.stop();
  }
  return keys;
}

/** Resolves when the records are acknowledged. The schemas must be registered. */
export async function publishKeys(context: CliContext, records: readonly KeyRecord[]): Promise<void> {
  const { kafka, codec, names, settings } = context;
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  try {
    await producer.publish(records.map((record) => keyRecordOut(codec, names.tenants, record)));
  } finally {
    await producer.close();
  }
}
