/**
 * Restores lost counters from the ledger (I8).
 *
 * 1. The present life of the counters ends: nobody is admitted from here on.
 * 2. What was reserved just before may not stand in the ledger yet. Whoever reserved tells it within the lease, or does so again
 *    in the next life; so long it is waited. Not where nothing was ever told and no life ended: then there is nothing to come.
 * 3. The ledger is read to its end and folded, and the counters begin a new life as the fold says.
 */
import { type Clock, sleepUntil } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import type { UsageEntry } from "../events/usage.ts";
import type { CountersLife, Restoring } from "./admission-store.ts";
import { type Keep, LedgerFold } from "./ledger-fold.ts";

export type RebuildProgress =
  | { readonly phase: "waiting"; readonly wait_ms: number }
  | { readonly phase: "reading"; readonly entries: number }
  | { readonly phase: "writing"; readonly entries: number; readonly holds: number; readonly counters: number };

export type RebuildOptions = {
  readonly life: CountersLife;
  /** Adds every entry up to the present end. @returns the last offset read by partition (`ledger-reader.ts`). */
  readonly readLedger: (
    add: (partition: number, offset: number | string, entry: UsageEntry, at_ms?: number) => void,
  ) => Promise<{ readonly applied: ReadonlyMap<number, number | string> }>;
  /** True where nothing was ever written; left out: it is never taken for empty. */
  readonly isEmpty?: () => Promise<boolean>;
  /** `admission.lease_ms`. */
  readonly lease_ms: number;
  readonly keep: Keep;
  readonly clock: Clock;
  readonly progress?: (progress: RebuildProgress) => void;
  /** Only where there are none: counters that live go on. Left out: they are restored all the same. */
  readonly if_lost?: boolean;
  /** Gives up: the counters stay lost. */
  readonly signal?: AbortSignal;
};

export type Rebuilt =
  | {
      readonly kind: "rebuilt";
      readonly epoch: string;
      readonly entries: number;
      readonly holds: number;
      readonly counters: number;
    }
  /** Another restores, or (`if_lost`) has restored. */
  | { readonly kind: "busy" };

const ENTRIES_BETWEEN_REPORTS = 1_000;

/** @throws what the ledger or the store throws, and `stopping` when aborted; the counters are lost then, and may be restored anew. */
export async function rebuildCounters(options: RebuildOptions): Promise<Rebuilt> {
  const { life, if_lost = false } = options;
  const restoring = await life.begin({ if_lost });
  if (restoring === undefined) return { kind: "busy" };
  try {
    return await restore(options, restoring);
  } catch (error) {
    // What failed first is the reason.
    await restoring.abandon().catch(() => undefined);
    throw error;
  }
}

async function restore(options: RebuildOptions, restoring: Restoring): Promise<Rebuilt> {
  const { readLedger, lease_ms, keep, clock, progress, signal } = options;
  const wait_ms = lease_ms - (restoring.ended_ms_ago ?? 0);
  if (wait_ms > 0 && (restoring.ended_life || !((await options.isEmpty?.()) ?? false))) {
    progress?.({ phase: "waiting", wait_ms });
    await sleepUntil(clock, wait_ms, signal === undefined ? [] : [signal]);
  }
  const fold = new LedgerFold(keep);
  let entries = 0;
  const { applied } = await readLedger((partition, offset, entry, at_ms) => {
    if (signal?.aborted) throw stopping();
    if (!fold.add(partition, offset, entry, at_ms)) return;
    entries += 1;
    if (entries % ENTRIES_BETWEEN_REPORTS === 0) progress?.({ phase: "reading", entries });
  });
  if (signal?.aborted) throw stopping();
  for (const [partition, offset] of applied) fold.reached(partition, offset);
  const snapshot = fold.snapshot(clock.now_ms());
  const counts = { entries, holds: snapshot.holds.length, counters: snapshot.counters.length };
  progress?.({ phase: "writing", ...counts });
  return { kind: "rebuilt", epoch: await restoring.finish(snapshot), ...counts };
}

function stopping(): SluiceError {
  return new SluiceError(
    "stopping",
    "the rebuild was stopped before its end; the counters are lost until the next one",
  );
}
