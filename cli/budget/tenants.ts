/** Tenants on the tenants topic, read whole and written one by one. */
import { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import { tenantReader } from "../../libs/shared/budgets/tenant-reader.ts";
import { tenantRecordOut } from "../../libs/shared/events/tenant-records.ts";
import type { TenantRecord } from "../../libs/shared/events/tenants.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import type { CliContext } from "../context.ts";

/** What administrators made or changed up to now. */
export async function readTenants({ kafka, codec, names }: CliContext): Promise<TenantBook> {
  const book = new TenantBook();
  const reader = tenantReader({ kafka, codec, topic: names.tenants }, book, true);
  await reader.start();
  try {
    await reader.done;
  } finally {
    await reader.stop();
  }
  return book;
}

/** Resolves when the record is acknowledged. The schemas must be registered. */
export async function publishTenant(context: CliContext, record: TenantRecord): Promise<void> {
  const { kafka, codec, names, settings } = context;
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  try {
    await producer.publish([tenantRecordOut(codec, names.tenants, record)]);
  } finally {
    await producer.close();
  }
}
