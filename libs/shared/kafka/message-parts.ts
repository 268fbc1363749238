/** What kafkajs read of a record, as services hold it. */
import type { IHeaders } from "kafkajs";
import type { RecordHeaders } from "./ports.ts";

/**
 * kafkajs's keys and values are slices of the fetch's answer, or of a batch that was decompressed: one record that waits would keep
 * all of it in memory. What is most of its buffer stays as it is.
 */
export function ownBytes(bytes: Buffer | null): Buffer | null {
  if (bytes === null || bytes.length * 2 > bytes.buffer.byteLength) return bytes;
  return Buffer.from(bytes);
}

const NO_HEADERS: RecordHeaders = Object.freeze({});

/** Header values as text; of a repeated header, the last. */
export function readHeaders(headers: IHeaders | undefined): RecordHeaders {
  if (headers === undefined) return NO_HEADERS;
  const read: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) read[name] = last.toString();
  }
  return read;
}
