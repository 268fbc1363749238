/** Entries of `llm.cache`: how a record is written, taken away and read. */
import { type CacheEntryHead, cacheEntryHead, cacheKey } from "../events/cache.ts";
import type { EventCodec } from "../events/codec.ts";
import { readHop } from "../events/hop.ts";
import { CARRIED_AT_HEADER, splice } from "../events/splice.ts";
import type { InRecord, OutRecord } from "../kafka/ports.ts";

const RESPONSE = "response";

/** Stands for the request id of an entry that no request made. */
export const WARMED = "warmed";

/** The record that puts an entry there, or replaces it. @param response the provider's JSON, as bytes. */
export function cacheEntryOut(codec: EventCodec, topic: string, head: CacheEntryHead, response: Buffer): OutRecord {
  const { json, carried_at } = splice(head, RESPONSE, response);
  const headers = { [CARRIED_AT_HEADER]: String(carried_at) };
  return { topic, key: cacheKey(head), value: codec.encode(topic, ...json), headers };
}

/** The record that takes an entry away: compaction then forgets it. */
export function cacheTombstoneOut(topic: string, entry: Pick<CacheEntryHead, "namespace" | "entry_id">): OutRecord {
  return { topic, key: cacheKey(entry), value: null };
}

/** What a record of `llm.cache` says. */
export type CacheChange =
  | { readonly kind: "put"; readonly key: string; readonly entry: CacheEntryHead; readonly response: Buffer }
  | { readonly kind: "removed"; readonly key: string; readonly namespace: string; readonly entry_id: string };

/** @returns undefined for a record that nobody can read, or whose key is not its entry's. */
export async function readCacheChange(codec: EventCodec, record: InRecord): Promise<CacheChange | undefined> {
  const key = record.key?.toString() ?? "";
  if (record.value === null) return removedAt(key);
  const hop = await readHop(codec, record, RESPONSE, (head) => cacheEntryHead.parse(head));
  if (!hop.ok || hop.carried === undefined || cacheKey(hop.head) !== key) return undefined;
  return { kind: "put", key, entry: hop.head, response: hop.carried };
}

function removedAt(key: string): CacheChange | undefined {
  const at = key.indexOf(":");
  return at < 0 ? undefined : { kind: "removed", key, namespace: key.slice(0, at), entry_id: key.slice(at + 1) };
}
