/** Entries of `llm.usage`: how a record is read and written. */
import type { InRecord, OutRecord, RecordHeaders } from "../kafka/ports.ts";
import type { EventCodec } from "./codec.ts";
import { type UsageEntry, usageEntrySchema } from "./usage.ts";
import { firstProblem } from "./validation.ts";

export type ReadEntry =
  | { readonly ok: true; readonly entry: UsageEntry }
  /** Nobody can read it. */
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Rejects (retryable) only when the registry is needed and away. */
export async function readUsageEntry(codec: EventCodec, record: InRecord): Promise<ReadEntry> {
  const decoded = await codec.decode(record);
  if (decoded.kind === "unreadable") return { ok: false, code: decoded.code, message: decoded.message };
  let json: unknown;
  try {
    json = JSON.parse(decoded.payload.toString());
  } catch (error) {
    return { ok: false, code: "not_json", message: `the value is not JSON: ${(error as Error).message}` };
  }
  const parsed = usageEntrySchema.safeParse(json);
  if (parsed.success) return { ok: true, entry: parsed.data };
  return { ok: false, code: "event_invalid", message: firstProblem(parsed.error, "the entry").message };
}

/** Keyed by tenant: all of a tenant is in one partition, in order. */
export function usageEntryOut(codec: EventCodec, topic: string, entry: UsageEntry, headers?: RecordHeaders): OutRecord {
  const value = codec.encode(topic, Buffer.from(JSON.stringify(entry)));
  return { topic, key: entry.tenant, value, ...(headers === undefined ? {} : { headers }) };
}
