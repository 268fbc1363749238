/**
 * What a transaction wrote that was aborted is seen by nobody. kafkajs takes the broker's list of aborted transactions for sorted by their
 * first offsets, and begins one of them a record at the most. The broker sorts by where they ended, and a fetch may begin in the middle of
 * several: where a process dies with transactions on many partitions, some of their records were then delivered, and counted twice once they
 * were written again. This is the Java client's way (KIP-98, `CompletedFetch`).
 */
import { createRequire } from "node:module";

export type FetchedMessage = {
  readonly offset: string;
  readonly key?: Buffer | null | undefined;
  /** Such are dropped, and count for the place of the reader. */
  isControlRecord?: boolean | undefined;
  readonly batchContext?: { readonly producerId?: unknown; readonly inTransaction?: boolean } | undefined;
};

export type FetchedPartition = {
  readonly messages: readonly FetchedMessage[];
  abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] | null | undefined;
};

type FetchResponse = { readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] };
type BrokerPrototype = { fetch(request: unknown): Promise<FetchResponse> };

/** Version 0, type 0 (a commit has type 1). */
const ABORT_KEY = Buffer.from([0, 0, 0, 0]);

/** Patches the broker class once. */
export function hideAbortedRecords(): void {
  const Broker = createRequire(import.meta.url)("kafkajs/src/broker") as { readonly prototype: BrokerPrototype };
  const { prototype } = Broker;
  const fetch = prototype.fetch;
  prototype.fetch = async function hiding(this: BrokerPrototype, request: unknown): Promise<FetchResponse> {
    const response = await fetch.call(this, request);
    for (const { partitions } of response.responses) for (const partition of partitions) hideAborted(partition);
    return response;
  };
}

/** Marks what was aborted as nothing to deliver, and leaves kafkajs nothing to do: then the reader moves on behind it as before. */
export function hideAborted(partition: FetchedPartition): void {
  const { abortedTransactions, messages } = partition;
  if (abortedTransactions === undefined || abortedTransactions === null || abortedTransactions.length === 0) return;
  partition.abortedTransactions = [];
  const to_come = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producer: String(producerId), from: Number(firstOffset) }))
    .sort((one, other) => one.from - other.from);
  const aborted = new Set<string>();
  let begun = 0;
  for (const message of messages) {
    const at = Number(message.offset);
    for (let next = to_come[begun]; next !== undefined && next.from <= at; next = to_come[begun]) {
      aborted.add(next.producer);
      begun += 1;
    }
    const { producerId, inTransaction } = message.batchContext ?? {};
    const producer = String(producerId);
    if (!aborted.has(producer)) continue;
    if (message.isControlRecord === true) {
      if (message.key != null && ABORT_KEY.equals(message.key)) aborted.delete(producer);
    } else if (inTransaction === true) message.isControlRecord = true;
  }
}
