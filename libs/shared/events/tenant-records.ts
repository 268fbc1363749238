/** Tenants on `llm.tenants`: how a record is read and written, for ingest and the command line. */
import type { InRecord, OutRecord } from "../kafka/ports.ts";
import type { EventCodec } from "./codec.ts";
import { parseJson } from "./json.ts";
import { type TenantRecord, tenantRecordSchema } from "./tenants.ts";

const PREFIX = "tenant:";

/** What a record says of a tenant: its record, or that it is gone and the settings file holds again. */
export type TenantChange = { readonly tenant: string; readonly record: TenantRecord | undefined };

/** @returns undefined for a record that is not about a tenant, or that nobody can read. */
export async function readTenantChange(codec: EventCodec, record: InRecord): Promise<TenantChange | undefined> {
  const key = record.key?.toString() ?? "";
  if (!key.startsWith(PREFIX)) return undefined;
  const tenant = key.slice(PREFIX.length);
  if (record.value === null) return { tenant, record: undefined };
  const decoded = await codec.decode(record);
  if (decoded.kind !== "json") return undefined;
  const parsed = tenantRecordSchema.safeParse(parseJson(decoded.payload));
  return parsed.success && parsed.data.tenant === tenant ? { tenant, record: parsed.data } : undefined;
}

export function tenantRecordOut(codec: EventCodec, topic: string, record: TenantRecord): OutRecord {
  return { topic, key: `${PREFIX}${record.tenant}`, value: codec.encode(topic, Buffer.from(JSON.stringify(record))) };
}

/** The record that takes a tenant's away: compaction then forgets it. */
export function tenantRemovalOut(topic: string, tenant: string): OutRecord {
  return { topic, key: `${PREFIX}${tenant}`, value: null };
}
