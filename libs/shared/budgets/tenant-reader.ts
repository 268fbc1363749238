/** Keeps a tenant book up to date with `llm.tenants`. */
import type { Kafka } from "kafkajs";
import type { EventCodec } from "../events/codec.ts";
import { readTenantChange } from "../events/tenant-records.ts";
import { TopicReader } from "../kafka/reader.ts";
import type { TenantBook } from "./tenant-book.ts";

export type TenantSource = { readonly kafka: Kafka; readonly codec: EventCodec; readonly topic: string };

/**
 * A reader to be started and stopped by the caller; `caught_up` says when the book may be asked.
 * @param until_end `done` resolves once all that is there at the start is in the book; otherwise it is followed for good.
 */
export function tenantReader({ kafka, codec, topic }: TenantSource, book: TenantBook, until_end: boolean): TopicReader {
  return new TopicReader(kafka, {
    topic,
    from: { kind: "beginning" },
    until_end,
    async records(records) {
      for (const record of records) {
        const change = await readTenantChange(codec, record);
        if (change !== undefined) book.apply(change);
      }
    },
  });
}
