/** What a broker's answer to a fetch says: which records there are to deliver, and where to go on. Pure. */
import type { IHeaders } from "kafkajs";
import { readHeaders } from "./message-parts.ts";
import type { InRecord, TopicPartition } from "./ports.ts";

/** A partition's part of an answer, as kafkajs decodes it, aborted records marked (`aborted-transactions.ts`). */
export type FetchAnswer = {
  /** All before it is decided: committed, aborted, or of no transaction. */
  readonly lastStableOffset: string;
  readonly messages: readonly FetchedRecord[];
};

export type FetchedRecord = {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IHeaders;
  /** A transaction's mark, or a record of an aborted one. */
  readonly isControlRecord?: boolean;
  readonly batchContext?: { readonly firstOffset: string; readonly lastOffsetDelta: number };
};

export type Stretch = {
  readonly records: readonly InRecord[];
  /** Where to fetch next; where it was asked for: nothing more is readable now. */
  readonly next: number;
};

/**
 * @param from what was asked for: answers begin with whole batches, so some records may stand before it.
 * @param to records from here on are left out.
 */
export function stretchOf(tp: TopicPartition, answer: FetchAnswer, from: number, to: number): Stretch {
  const { messages, lastStableOffset } = answer;
  const last = messages.at(-1);
  // An answer has a batch at least where there is one: an empty one tells that the rest was compacted away.
  if (last === undefined) return { records: [], next: Math.max(from, Number(lastStableOffset)) };
  const { topic, partition } = tp;
  const records: InRecord[] = [];
  for (const message of messages) {
    const offset = Number(message.offset);
    if (offset < from || offset >= to || message.isControlRecord === true) continue;
    const { key, value } = message;
    const timestamp_ms = Number(message.timestamp);
    records.push({ topic, partition, offset, key, value, headers: readHeaders(message.headers), timestamp_ms });
  }
  return { records, next: Math.max(from, endOf(last)) };
}

/** Behind its batch: the batch's last records may have been compacted away. */
function endOf({ offset, batchContext }: FetchedRecord): number {
  const behind = Number(offset) + 1;
  if (batchContext === undefined) return behind;
  return Math.max(behind, Number(batchContext.firstOffset) + batchContext.lastOffsetDelta + 1);
}

/** Offsets that are read together: those with gaps of at most `gap_max` between them. @param offsets in any order. */
export function clusters(
  offsets: readonly number[],
  gap_max: number,
): readonly { readonly from: number; readonly to: number }[] {
  const found: { from: number; to: number }[] = [];
  for (const offset of [...offsets].sort((one, other) => one - other)) {
    const last = found.at(-1);
    if (last !== undefined && offset - last.to < gap_max) last.to = Math.max(last.to, offset + 1);
    else found.push({ from: offset, to: offset + 1 });
  }
  return found;
}
