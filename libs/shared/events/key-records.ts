/** API keys on `llm.tenants`: how a record is read and written, for the gateway and the command line. */
import type { InRecord, OutRecord } from "../kafka/ports.ts";
import type { EventCodec } from "./codec.ts";
import { parseJson } from "./json.ts";
import { type KeyRecord, keyRecordSchema } from "./tenants.ts";

const PREFIX = "key:";

/** What a record says of a key: its record, or that it is gone. */
export type KeyChange = { readonly id: string; readonly record: KeyRecord | undefined };

/** @returns undefined for a record that is not about a key, or that nobody can read. */
export async function readKeyChange(codec: EventCodec, record: InRecord): Promise<KeyChange | undefined> {
  const key = record.key?.toString() ?? "";
  if (!key.startsWith(PREFIX)) return undefined;
  const id = key.slice(PREFIX.length);
  if (record.value === null) return { id, record: undefined };
  const decoded = await codec.decode(record);
  if (decoded.kind !== "json") return undefined;
  const parsed = keyRecordSchema.safeParse(parseJson(decoded.payload));
  return parsed.success && parsed.data.id === id ? { id, record: parsed.data } : undefined;
}

export function keyRecordOut(codec: EventCodec, topic: string, record: KeyRecord): OutRecord {
  return { topic, key: `${PREFIX}${record.id}`, value: codec.encode(topic, Buffer.from(JSON.stringify(record))) };
}
