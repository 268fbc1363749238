/** A dead letter as the record that it was: its bytes are untouched, its headers have what was added. Pure. */
import { isOfTheLetter } from "../../../libs/shared/dead-letters/headers.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";

const PREFIX = "kafka_dlt-";

/** @returns undefined where nothing says where it comes from: somebody else wrote it. */
export function originalOf(record: InRecord): InRecord | undefined {
  const { headers } = record;
  const topic = headers[`${PREFIX}original-topic`];
  const partition = Number(headers[`${PREFIX}original-partition`] ?? Number.NaN);
  const offset = Number(headers[`${PREFIX}original-offset`] ?? Number.NaN);
  const timestamp_ms = Number(headers[`${PREFIX}original-timestamp`] ?? record.timestamp_ms);
  if (topic === undefined || !Number.isSafeInteger(partition) || !Number.isSafeInteger(offset)) return undefined;
  if (!Number.isSafeInteger(timestamp_ms)) return undefined;
  const own = Object.entries(headers).filter(([name]) => !isOfTheLetter(name));
  return { ...record, topic, partition, offset, timestamp_ms, headers: Object.fromEntries(own) };
}
