/** Builds dead letters: the original bytes, untouched, and headers that say why. Pure. */
import { SluiceError } from "../errors.ts";
import type { InRecord, OutRecord } from "../kafka/ports.ts";
import { deadLetterHeaders } from "./headers.ts";

export type DeadLetterWriter = {
  readonly service: string;
  readonly group: string;
  /** The dead-letter topic. */
  readonly topic: string;
};

export function deadLetter(writer: DeadLetterWriter, record: InRecord, code: string, message: string): OutRecord {
  return {
    topic: writer.topic,
    key: record.key,
    value: record.value,
    headers: deadLetterHeaders(record, { ...writer, code, message }),
  };
}

/** For a record whose handling failed for good, whatever it was. */
export function deadLetterOf(writer: DeadLetterWriter, record: InRecord, error: unknown): OutRecord {
  const code = error instanceof SluiceError ? error.code : "internal_error";
  return deadLetter(writer, record, code, error instanceof Error ? error.message : String(error));
}
