/**
 * Where a request stands on `llm.requests`, as it travels: whenever it is entered again, its id, its times and its place among
 * repeats are those of its first entry. Pure.
 */
import type { RecordHeaders, TopicPartition } from "../kafka/ports.ts";
import { ORIGIN_HEADER } from "./headers.ts";

export type Origin = TopicPartition & { readonly offset: number; readonly timestamp_ms: number };

/** For `ORIGIN_HEADER`: `<topic> <partition> <offset> <timestamp_ms>`. */
export function originText({ topic, partition, offset, timestamp_ms }: Origin): string {
  return `${topic} ${partition} ${offset} ${timestamp_ms}`;
}

/** Topic names as Kafka allows them. */
const ORIGIN = /^([A-Za-z0-9._-]{1,249}) (\d{1,10}) (\d{1,16}) (-?\d{1,16})$/;

/** @returns undefined where there is none, or one that nobody here wrote. */
export function originOf(headers: RecordHeaders): Origin | undefined {
  const [, topic, ...numbers] = ORIGIN.exec(headers[ORIGIN_HEADER] ?? "") ?? [];
  const [partition, offset, timestamp_ms] = numbers.map(Number);
  if (topic === undefined || partition === undefined || offset === undefined || timestamp_ms === undefined)
    return undefined;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(timestamp_ms)) return undefined;
  return { topic, partition, offset, timestamp_ms };
}
