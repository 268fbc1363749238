/** Reads `llm.cache` to its end, for whoever wants to know what is in it: one reading at a time, of bounded time and size. */
import type { Kafka } from "kafkajs";
import { CacheView } from "../../../libs/shared/cache/cache-view.ts";
import { readCacheChange } from "../../../libs/shared/cache/entry-records.ts";
import { type Clock, sleepUntil } from "../../../libs/shared/clock.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { TopicReader } from "../../../libs/shared/kafka/reader.ts";

export type CacheScanDeps = {
  readonly kafka: Kafka;
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly topic: string;
};

/** `partial`: there was more than was read. */
export type Scanned = { readonly view: Pick<CacheView, "entries">; readonly partial: boolean };

const TIME_MS_MAX = 30_000;
const ENTRIES_MAX = 100_000;

/** @returns a scan that refuses while another one is under way. */
export function cacheScan(deps: CacheScanDeps): () => Promise<Scanned> {
  let running = false;
  return async () => {
    if (running) {
      throw new SluiceError("dependency_unavailable", "the cache is being read already; try again soon", {
        retryable: true,
      });
    }
    running = true;
    try {
      return await scan(deps);
    } finally {
      running = false;
    }
  };
}

async function scan({ kafka, codec, clock, topic }: CacheScanDeps): Promise<Scanned> {
  const view = new CacheView();
  const full = new AbortController();
  const reader = new TopicReader(kafka, {
    topic,
    from: { kind: "beginning" },
    until_end: true,
    async records(records) {
      for (const record of records) {
        if (full.signal.aborted) return;
        const change = await readCacheChange(codec, record);
        if (change !== undefined) view.apply(change, record.value?.length ?? 0);
        if (view.size >= ENTRIES_MAX) full.abort();
      }
    },
  });
  try {
    await reader.start();
    await Promise.race([reader.done, sleepUntil(clock, TIME_MS_MAX, [full.signal])]);
    return { view, partial: full.signal.aborted || !reader.caught_up };
  } finally {
    // Ends the wait too.
    full.abort();
    await reader.stop();
  }
}
