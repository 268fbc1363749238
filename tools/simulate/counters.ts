/** The admission counters as a simulated process knows them: Redis's, over a connection that breaks, and how they are restored. */
import type { AdmissionStore, Ask, CountersLife } from "../../libs/shared/budgets/admission-store.ts";
import { rebuildCounters } from "../../libs/shared/budgets/rebuild.ts";
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { CountersKeeper } from "../../services/ingest/counters.ts";
import { readLedger } from "./ledger.ts";
import type { LogPartition } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Plant } from "./scenario.ts";
import { callStore, REMEMBERED, type Stores } from "./stores.ts";

/** As `admission.lease_ms` is when settings say nothing. */
export const LEASE_MS = 10_000;

export function admissionStore(process: SimulatedProcess, stores: Stores, plant: Plant | undefined): AdmissionStore {
  const { counters, told } = stores;
  const partOf = <T>(list: readonly T[]): readonly T[] => list.slice(0, process.random.int(0, list.length));
  const store: AdmissionStore = {
    // One pipeline each: its first scripts may have run when the connection breaks.
    reserve: async (asks) => {
      const ask = (some: typeof asks) => stores.granted.note(some, counters.reserve(some));
      const answers = await over(
        process,
        stores,
        "reserve",
        () => ask(asks),
        () => ask(partOf(asks)),
      );
      stores.granted.heard(answers);
      return answers;
    },
    apply: (entries) => {
      const apply = async (some: typeof entries) => {
        const results = counters.apply(some);
        for (const [index, { kind }] of (await results).entries()) {
          const entry = some[index];
          if (kind !== "lost" && entry !== undefined) told.add(`${entry.partition}@${entry.offset}`);
        }
        return results;
      };
      return over(
        process,
        stores,
        "apply",
        () => apply(entries),
        () => apply(partOf(entries)),
      );
    },
    expired: (count_max) => over(process, stores, "look for expired holds", () => counters.expired(count_max)),
  };
  if (plant !== "check-then-increment") return store;
  return { ...store, reserve: async (asks) => store.reserve(await unlimited(process, stores, asks)) };
}

/** The planted bug: what has room at the moment of a look is charged in a later step, unlooked. Within a batch it adds up rightly. */
async function unlimited(process: SimulatedProcess, stores: Stores, asks: readonly Ask[]): Promise<Ask[]> {
  const { counters } = stores;
  const now_ms = process.clock.now_ms();
  const sums = await over(process, stores, "look at the counters", () =>
    Promise.all(asks.map(({ tenant, needs }) => counters.read(tenant, countersOf(needs ?? {}, now_ms)))),
  );
  const taken = new Map<string, number>();
  return asks.map((ask, index) => {
    const { needs, tenant } = ask;
    if (needs === undefined) return ask;
    const used = (sums[index] ?? []).map(({ counter, reserved_nusd, settled_nusd }) => {
      const name = `${tenant} ${counter.scope} ${counter.subject}`;
      return { name, counter, used_nusd: reserved_nusd + settled_nusd + (taken.get(name) ?? 0) };
    });
    const fits = used.every(({ counter, used_nusd }) => {
      return used_nusd + needs.reserved_nusd <= (needs.caps_nusd[counter.scope] ?? Number.POSITIVE_INFINITY);
    });
    if (!fits) return ask;
    for (const { name } of used) taken.set(name, (taken.get(name) ?? 0) + needs.reserved_nusd);
    return { ...ask, needs: { ...needs, caps_nusd: {} } };
  });
}

function countersLife(process: SimulatedProcess, stores: Stores): CountersLife {
  const { counters } = stores;
  return {
    epoch: () => over(process, stores, "read the epoch", () => counters.epoch()),
    begin: async (only) => {
      const restoring = await over(process, stores, "end the epoch", () => counters.begin(only));
      return (
        restoring && {
          ended_life: restoring.ended_life,
          finish: async (snapshot) => {
            const epoch = await over(process, stores, "restore the counters", () => {
              stores.granted.forget();
              return restoring.finish(snapshot);
            });
            process.trace.counts.counters_restored += 1;
            return epoch;
          },
          abandon: () => over(process, stores, "give the rebuild up", () => restoring.abandon()),
        }
      );
    },
  };
}

/** As ingest's `main.ts` wires it, started. */
export function countersKeeper(
  process: SimulatedProcess,
  stores: Stores,
  ledger: { readonly codec: EventCodec; readonly partitions: () => readonly LogPartition[] },
): CountersKeeper {
  const { clock, random } = process;
  const life = countersLife(process, stores);
  const keeper = new CountersKeeper({
    life,
    rebuild: (signal) =>
      rebuildCounters({
        life,
        readLedger: (add) => readLedger(process, ledger.codec, ledger.partitions(), add),
        isEmpty: async () => ledger.partitions().every(({ end }) => end === 0),
        lease_ms: LEASE_MS,
        if_lost: true,
        keep: REMEMBERED,
        clock,
        signal,
      }),
    mode: "auto",
    clock,
    random: () => random.next(),
    log: silentLog,
  });
  keeper.start();
  return keeper;
}

/** The store's steps happen at once, whoever hears of them. */
async function over<T>(
  process: SimulatedProcess,
  stores: Stores,
  what: string,
  effect: () => Promise<T>,
  partly?: () => Promise<unknown>,
): Promise<T> {
  const heard =
    <U>(step: () => Promise<U>) =>
    () => {
      const answer = step();
      answer.catch(() => undefined);
      return answer;
    };
  return callStore<Promise<T>>(
    process,
    stores,
    "redis",
    what,
    heard(effect),
    partly && (heard(partly) as () => Promise<T>),
  );
}
