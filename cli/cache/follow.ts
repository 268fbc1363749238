/** Reads `llm.cache` to its end, and on from there for as long as it is wanted. */
import { CacheView } from "../../libs/shared/cache/cache-view.ts";
import { readCacheChange } from "../../libs/shared/cache/entry-records.ts";
import { sleepUntil, systemClock } from "../../libs/shared/clock.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import type { CliContext } from "../context.ts";
import { createBar } from "../output/bar.ts";
import { say } from "../output/terminal.ts";

/** Transactions of results end or are aborted within half a minute. */
const END_WAIT_MS_MAX = 60_000;
const LOOK_MS = 100;

export type FollowOptions = {
  readonly bar: boolean;
  /** Whose answers are held too. */
  readonly keeps?: (entry_id: string) => boolean;
};

/**
 * Runs `work` once all that was there at the start is in the view; the view follows what is written meanwhile.
 * @throws retryable when Kafka or the registry is away.
 */
export async function withCache<T>(
  context: CliContext,
  options: FollowOptions,
  work: (view: CacheView) => Promise<T>,
): Promise<T> {
  const { kafka, codec, names } = context;
  const view = new CacheView(options.keeps);
  const bar = createBar("reading the cache", 1, options.bar);
  let skipped = 0;
  const reader = new TopicReader(kafka, {
    topic: names.cache,
    from: { kind: "beginning" },
    until_end: true,
    async records(records) {
      for (const record of records) {
        const change = await readCacheChange(codec, record);
        if (change === undefined) skipped += 1;
        else view.apply(change, record.value?.length ?? 0);
      }
      const { read, total } = progressOf(reader);
      bar.update(read, total, "");
    },
  });
  try {
    await reader.start();
    await atEnd(reader, names.cache);
    bar.stop();
    if (skipped > 0) say(`${skipped} records of ${names.cache} cannot be read; they are passed over`);
    return await work(view);
  } finally {
    bar.stop();
    await reader.stop();
  }
}

/** `done` also comes when it was quiet for a while; an open transaction is waited for. */
async function atEnd(reader: TopicReader, topic: string): Promise<void> {
  await reader.done;
  const until_ms = systemClock.now_ms() + END_WAIT_MS_MAX;
  while (!reader.caught_up && systemClock.now_ms() < until_ms) await sleepUntil(systemClock, LOOK_MS, []);
  if (!reader.caught_up) throw unavailable("kafka", new Error(`the end of ${topic} was not reached`));
}

function progressOf(reader: TopicReader): { readonly read: number; readonly total: number } {
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, each) => all + each, 0);
  return { read: sum(reader.next.values()), total: sum(reader.ends.values()) };
}
