/** Who looks after the cache, wired as `services/router/cache/keeper-parts.ts` wires it. Nothing is invalidated. */
import { cacheTombstoneOut } from "../../libs/shared/cache/entry-records.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../libs/shared/log.ts";
import type { CacheAnswers } from "../../libs/shared/redis/cache-answers.ts";
import { CacheKeeper, KEEPER_LEAD_MS, type KeeperDeps } from "../../services/router/cache/keeper.ts";
import { RESTORE_TURN_MS, restoreAnswers } from "../../services/router/cache/restore.ts";
import { names } from "./flow-stages.ts";
import { readToEnd } from "./follower.ts";
import type { SimulatedLog } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";
import { callStore, type Stores } from "./stores.ts";

export type KeeperWiring = Pick<KeeperDeps, "index" | "local" | "caughtUp"> & {
  readonly process: SimulatedProcess;
  readonly stores: Stores;
  readonly log: SimulatedLog;
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly answers: CacheAnswers;
};

/** Not started: the view that it looks after is made after it. */
export function cacheKeeper({ process, stores, log, codec, publisher, ...kept }: KeeperWiring): CacheKeeper {
  const { clock, name } = process;
  const { index, answers } = kept;
  const lease = (what: string, ttl_ms: number, renews: boolean): Promise<boolean> =>
    callStore(process, stores, "redis", `take the lead of ${what}`, () => {
      const held = stores.leases.get(what);
      const free = held === undefined || held.until_ms <= clock.now_ms();
      if (!free && !(renews && held.holder === name)) return false;
      stores.leases.set(what, { holder: name, until_ms: clock.now_ms() + ttl_ms });
      return true;
    });
  const restoring = {
    ...{ answers, codec, clock, log: silentLog },
    readAll: (each: Parameters<typeof readToEnd>[3]) => readToEnd(process, log, names.cache, each),
    isCurrent: (entry: Parameters<KeeperDeps["index"]["times"]>[0] & { readonly created_ms: number }) =>
      index.times(entry)?.created_ms === entry.created_ms,
    takesTurn: () => lease("cache-restore", RESTORE_TURN_MS, false),
  };
  return new CacheKeeper({
    ...kept,
    publisher,
    tombstone: (entry) => cacheTombstoneOut(names.cache, entry),
    leads: () => lease("cache", KEEPER_LEAD_MS, true),
    restore: async (stopping) => {
      await restoreAnswers(restoring, stopping);
      process.trace.counts.cache_restored += 1;
    },
    clock,
    log: silentLog,
    removed: () => undefined,
  });
}
