/** Requests of a batch, read again from its file: many lines with one read, however large the file is. */
import type { Files, StoredFile } from "../../../libs/shared/files/file.ts";
import type { BatchEndpoint } from "../../../libs/shared/jobs/batch.ts";
import type { JobItem } from "../../../libs/shared/jobs/job.ts";
import type { JobRequest } from "../jobs/records.ts";
import { checkLine } from "./lines.ts";

/** Read at once; a line that is longer is read alone. */
const SPAN_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes between lines that are read and thrown away rather than asking the storage once more. */
const GAP_BYTES_MAX = 64 * 1024;

export type Asked = { readonly item: JobItem; readonly asked: JobRequest };

/** Items whose lines lie near each other, in groups that are each read at once. */
export function spansOf<Item extends Pick<JobItem, "at" | "bytes">>(items: readonly Item[]): Item[][] {
  const spans: Item[][] = [];
  let start = 0;
  let end = 0;
  for (const item of items) {
    const near = item.at >= end && item.at - end <= GAP_BYTES_MAX && item.at + item.bytes - start <= SPAN_BYTES_MAX;
    if (near && spans.length > 0) spans.at(-1)?.push(item);
    else {
      spans.push([item]);
      start = item.at;
    }
    end = item.at + item.bytes;
  }
  return spans;
}

/** The requests of one span, as their lines have them. */
export async function readSpan(
  files: Files,
  file: StoredFile,
  endpoint: BatchEndpoint,
  span: readonly JobItem[],
): Promise<Asked[]> {
  const start = span[0]?.at ?? 0;
  const end = Math.max(start, ...span.map(({ at, bytes }) => at + bytes));
  const pieces: Uint8Array[] = [];
  for await (const piece of files.read(file, { start, end })) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  return span.map((item) => {
    const line = checkLine(whole.subarray(item.at - start, item.at - start + item.bytes), endpoint);
    if (!line.ok) throw new Error(`line ${item.item + 1} of ${file.id} was good and is not any more`);
    return { item, asked: line.asked };
  });
}
