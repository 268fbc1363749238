/** Wires who looks after the cache: one router leads, every router follows the invalidations on `llm.control`. */
import { Counter } from "prom-client";
import { cacheTombstoneOut } from "../../../libs/shared/cache/entry-records.ts";
import { systemClock } from "../../../libs/shared/clock.ts";
import { unavailable } from "../../../libs/shared/errors.ts";
import type { CacheEntryHead } from "../../../libs/shared/events/cache.ts";
import { type InvalidateEvent, readControl } from "../../../libs/shared/events/control.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { TopicReader } from "../../../libs/shared/kafka/reader.ts";
import type { CacheAnswers } from "../../../libs/shared/redis/cache-answers.ts";
import type { RedisClient } from "../../../libs/shared/redis/client.ts";
import { keepLead, takeTurn } from "../../../libs/shared/redis/leader.ts";
import { untilAvailable } from "../../../libs/shared/retry.ts";
import type { ServiceContext } from "../../../libs/shared/service.ts";
import { CacheKeeper, KEEPER_LEAD_MS, type KeeperDeps } from "./keeper.ts";
import { RESTORE_TURN_MS, restoreAnswers } from "./restore.ts";

export type KeptParts = Pick<KeeperDeps, "index" | "local" | "caughtUp"> & { readonly answers: CacheAnswers };

/** Not started: the view that it looks after may be made after it. */
export function createKeeper(context: ServiceContext, redis: RedisClient, kept: KeptParts): CacheKeeper {
  const { kafka, codec, names, producer, log, instance, metrics } = context;
  const { index, answers } = kept;
  const removed = new Counter({
    name: "sluice_cache_removed_total",
    help: "Entries that left this router's index, by why: expired, evicted, invalidated",
    labelNames: ["why"],
    registers: [metrics],
  });
  const restoring = {
    ...{ answers, codec, log, clock: systemClock },
    readAll: (each: (records: readonly InRecord[]) => Promise<void>) => readAll(kafka, names.cache, each),
    isCurrent: (entry: Pick<CacheEntryHead, "namespace" | "entry_id" | "created_ms">) =>
      index.times(entry)?.created_ms === entry.created_ms,
    takesTurn: () => takeTurn(redis, "cache-restore", instance, RESTORE_TURN_MS),
  };
  return new CacheKeeper({
    ...kept,
    publisher: producer,
    tombstone: (entry) => cacheTombstoneOut(names.cache, entry),
    leads: () => keepLead(redis, "cache", instance, KEEPER_LEAD_MS),
    restore: (stopping) => restoreAnswers(restoring, stopping),
    clock: systemClock,
    log,
    removed: (why, count) => removed.inc({ why }, count),
  });
}

/** Everything from the beginning to the end that the topic has now. */
async function readAll(
  kafka: ServiceContext["kafka"],
  topic: string,
  each: (records: readonly InRecord[]) => Promise<void>,
): Promise<void> {
  const reader = new TopicReader(kafka, { topic, from: { kind: "beginning" }, until_end: true, records: each });
  try {
    await reader.start();
    await reader.done;
    if (!reader.caught_up) throw unavailable("kafka", new Error(`the end of ${topic} was not reached`));
  } finally {
    await reader.stop();
  }
}

/** Starts the keeper, with what people and checks have invalidated. */
export async function startKeeper(context: ServiceContext, keeper: CacheKeeper): Promise<{ stop(): Promise<void> }> {
  const { kafka, codec, names, log, retry } = context;
  const follow = async (event: InvalidateEvent): Promise<void> => {
    // What could not be done at once the next turn does.
    await keeper.invalidate(event).catch((error: unknown) => log.warn({ error }, "an invalidation waits for its turn"));
  };
  const reader = new TopicReader(kafka, {
    topic: names.control,
    // All that it still has: nobody may have been there to hear of it.
    from: { kind: "beginning" },
    until_end: false,
    async records(records) {
      for (const record of records) {
        const event = await untilAvailable(retry, "schema registry", () => readControl(codec, record));
        if (event?.kind === "invalidate") await follow(event);
      }
    },
  });
  await untilAvailable(retry, names.control, () => reader.start());
  keeper.start();
  return {
    async stop() {
      await reader.stop();
      await keeper.stop();
    },
  };
}
