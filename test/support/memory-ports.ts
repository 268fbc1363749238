/** The handlers' ports in memory: records in, published records out. */
import { MemoryAdmissionStore } from "../../libs/shared/budgets/memory-store.ts";
import type { AdmissionStoreOptions } from "../../libs/shared/budgets/store-options.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { Decoded, EventCodec } from "../../libs/shared/events/codec.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import { topicNames } from "../../libs/shared/events/topics.ts";
import { unframe } from "../../libs/shared/events/wire.ts";
import type { InRecord, OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";

export const NAMES = topicNames("llm.");

/** Plain JSON in and out; wire format is taken as our own, so its shape is trusted. */
export const jsonCodec: EventCodec = {
  encode: (_topic, ...json) => Buffer.concat([...json]),
  async decode({ value }): Promise<Decoded> {
    if (value === null) return { kind: "unreadable", code: "value_missing", message: "the record has no value" };
    const framed = unframe(value);
    if (framed.kind === "unreadable") return { kind: "unreadable", code: "not_json", message: "not JSON" };
    return { kind: "json", payload: framed.payload, trusted: framed.kind === "wire" };
  },
};

/** Keeps what is published. */
export class MemoryPublisher implements Publisher {
  readonly records: OutRecord[] = [];

  async publish(records: readonly OutRecord[]): Promise<void> {
    this.records.push(...records);
  }

  /** The JSON values published to one topic. */
  values(topic: string): Record<string, unknown>[] {
    const of_topic = this.records.filter((record) => record.topic === topic);
    return of_topic.map(({ value }) => JSON.parse(value?.toString() ?? "null") as Record<string, unknown>);
  }
}

/** A record as a consumer gives it. Objects become JSON. */
export function inRecord(value: Buffer | object | string | null, more: Partial<InRecord> = {}): InRecord {
  const raw = value === null || Buffer.isBuffer(value);
  const bytes = raw ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return {
    topic: NAMES.requests,
    partition: 0,
    offset: 0,
    key: Buffer.from("k"),
    headers: {},
    timestamp_ms: 1_000,
    ...more,
    value: bytes,
  };
}

/** An event between services: a head and the bytes it carries. */
export function hopRecord(head: object, property: string, carried: Buffer, more: Partial<InRecord> = {}): InRecord {
  const { json, carried_at } = splice(head, property, carried);
  return inRecord(Buffer.concat(json), {
    ...more,
    headers: { ...more.headers, [CARRIED_AT_HEADER]: String(carried_at) },
  });
}

export const DEAD_LETTERS = { service: "test", group: "test-group", topic: NAMES.dlq };

const HOUR_MS = 3_600_000;

/** Admission counters that have an epoch and hold nothing yet. */
export async function memoryStore(
  clock: Clock,
  more: Partial<AdmissionStoreOptions> = {},
): Promise<MemoryAdmissionStore> {
  const ttls = { seen_ttl_ms: 24 * HOUR_MS, idempotency_ttl_ms: 24 * HOUR_MS, session_ttl_ms: 24 * HOUR_MS };
  const store = new MemoryAdmissionStore({ clock, ...ttls, alert_at: [], ...more });
  const restoring = await store.begin();
  await restoring?.finish({ counters: [], holds: [], seen: [], rates: [], applied: new Map() });
  return store;
}
