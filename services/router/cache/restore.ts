/**
 * Puts the answers back into a Redis that has lost them, out of `llm.cache`. Only what the index holds just so is put back: what was
 * invalidated, replaced or evicted meanwhile is not. One router does it at a time; the mark `cache:alive` says that it was done.
 */
import { readCacheChange } from "../../../libs/shared/cache/entry-records.ts";
import { keptAnswer } from "../../../libs/shared/cache/kept-answer.ts";
import type { Clock } from "../../../libs/shared/clock.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { CacheEntryHead } from "../../../libs/shared/events/cache.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import type { Log } from "../../../libs/shared/log.ts";
import type { CacheAnswers, Keeping } from "../../../libs/shared/redis/cache-answers.ts";

/** After a router that died while it restored, another may after this long. */
export const RESTORE_TURN_MS = 120_000;
/** Written in one round trip. */
const ANSWERS_MAX = 100;

export type RestoreDeps = {
  readonly answers: Pick<CacheAnswers, "restore" | "remove" | "setAlive">;
  readonly codec: EventCodec;
  /** Reads `llm.cache` from the beginning to its end; rejects when it cannot, or with what `each` threw. */
  readonly readAll: (each: (records: readonly InRecord[]) => Promise<void>) => Promise<void>;
  /** Whether the index holds this very entry. */
  readonly isCurrent: (entry: Pick<CacheEntryHead, "namespace" | "entry_id" | "created_ms">) => boolean;
  /** Whether it is this router's turn, for `RESTORE_TURN_MS`. */
  readonly takesTurn: () => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
};

type Current = { readonly entry: CacheEntryHead; readonly keeping: Keeping };

/** For the keeper. @throws retryable while a part is away, or when the service stops: it is begun anew. */
export async function restoreAnswers(deps: RestoreDeps, stopping: AbortSignal): Promise<void> {
  if (!(await deps.takesTurn())) return;
  deps.log.info({}, "redis has lost the cache's answers, they are put back");
  let count = 0;
  await deps.readAll(async (records) => {
    if (stopping.aborted) throw new SluiceError("stopping", "the service stops", { retryable: true });
    count += await restoreFrom(deps, records);
  });
  await deps.answers.setAlive();
  deps.log.info({ answers: count }, "the cache's answers are back");
}

async function restoreFrom(deps: RestoreDeps, records: readonly InRecord[]): Promise<number> {
  const all = (await Promise.all(records.map((record) => currentOf(deps, record)))).filter((one) => one !== undefined);
  for (let at = 0; at < all.length; at += ANSWERS_MAX) {
    const batch = all.slice(at, at + ANSWERS_MAX).filter(({ entry }) => deps.isCurrent(entry));
    await deps.answers.restore(
      batch.map(({ keeping }) => keeping),
      deps.clock.now_ms(),
    );
    // What went out of the index on the way may have been removed from Redis just before it was put back.
    const gone = batch.filter(({ entry }) => !deps.isCurrent(entry)).map(({ keeping }) => keeping);
    if (gone.length > 0) await deps.answers.remove(gone);
  }
  return all.length;
}

async function currentOf(deps: RestoreDeps, record: InRecord): Promise<Current | undefined> {
  const change = await readCacheChange(deps.codec, record);
  if (change?.kind !== "put" || !deps.isCurrent(change.entry)) return undefined;
  return { entry: change.entry, keeping: keptAnswer(change.entry, change.response) };
}
