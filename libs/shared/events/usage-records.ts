/** Entries of `llm.usage`: how a record is read and written. */
import type { InRecord, OutRecord } from "../kafka/ports.ts";
import type { EventCodec } from "./codec.ts";
import { type UsageEntry, usageEntrySchema } from "./usage.ts";

/** An entry, or why there is none. Rejects (retryable) only when the registry is needed and away. */
export async function readUsageEntry(codec: EventCodec, record: InRecord): Promise<UsageEntry | Error> {
  const decoded = await codec.decode(record);
  if (decoded.kind === "unreadable") return new Error(decoded.message);
  try {
    const parsed = usageEntrySchema.safeParse(JSON.parse(decoded.payload.toString()));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    return new Error(`${issue?.path.join(".")}: ${issue?.message}`);
  } catch (error) {
    return error as Error;
  }
}

/** Keyed by tenant: all of a tenant is in one partition, in order. */
export function usageEntryOut(codec: EventCodec, topic: string, entry: UsageEntry): OutRecord {
  return { topic, key: entry.tenant, value: codec.encode(topic, Buffer.from(JSON.stringify(entry))) };
}
