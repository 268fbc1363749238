/** Tenants on the tenants topic, read whole and written one by one. */
import { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import { tenantReader } from "../../libs/shared/budgets/tenant-reader.ts";
import { tenantRecordOut, tenantRemovalOut } from "../../libs/shared/events/tenant-records.ts";
import type { TenantRecord } from "../../libs/shared/events/tenants.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";
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
export function publishTenant(context: CliContext, record: TenantRecord): Promise<void> {
  return publish(context, tenantRecordOut(context.codec, context.names.tenants, record));
}

/** Takes the record away: the settings file holds again, or nobody knows the tenant any more. */
export function removeTenant(context: CliContext, tenant: string): Promise<void> {
  return publish(context, tenantRemovalOut(context.names.tenants, tenant));
}

async function publish({ kafka, settings }: CliContext, record: OutRecord): Promise<void> {
  const producer = new BatchingProducer(kafka, settings.producer);
  await producer.connect();
  try {
    await producer.publish([record]);
  } finally {
    await producer.close();
  }
}
