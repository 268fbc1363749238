/**
 * Records whose last try failed, as their handler saw them: what is then written or logged about one names the span in which it failed.
 * Forgotten with the record.
 */
import type { InRecord } from "../kafka/ports.ts";

const SEEN = new WeakMap<InRecord, InRecord>();

/** @param seen the same record, its headers naming the try's span. */
export function failedAs(record: InRecord, seen: InRecord): void {
  if (seen !== record) SEEN.set(record, seen);
}

/** The record itself where it is in no trace of ours. */
export function asFailed(record: InRecord): InRecord {
  return SEEN.get(record) ?? record;
}
