/** I4 and I8, told from the log. */
import { LedgerFold } from "../../libs/shared/budgets/ledger-fold.ts";
import { type CounterRef, counterName } from "../../libs/shared/budgets/scopes.ts";
import { type UsageEntry, usageEntrySchema } from "../../libs/shared/events/usage.ts";
import { nusd } from "../../libs/shared/money.ts";
import type { Invariant, Violation } from "./invariants.ts";
import type { SimulatedLog } from "./log.ts";
import { jsonOf, type MoneyTopics, MoneyWatch } from "./money-watch.ts";
import type { Plans } from "./plans.ts";
import type { Stores } from "./stores.ts";

export type MoneyView = {
  readonly topics: MoneyTopics;
  readonly plans: Plans;
  readonly stores: Stores;
  readonly now_ms: () => number;
  /** A stage could not handle it, or took it for another request's: nobody settles what was held for it before its time is up. */
  readonly isBuried: (subject: string, log: SimulatedLog) => boolean;
};

/**
 * I4: at no step are a counter's open reservations and settled costs above its cap. On the way, what I8 says of single holds: none
 * is let through unknown to the ledger, none is settled twice.
 */
export function capsHold({ topics, plans }: MoneyView): Invariant {
  const watch = new MoneyWatch(topics, plans);
  return { name: "I4", onAppend: (record, transaction) => watch.add(record, transaction), atEnd: () => watch.settle() };
}

/**
 * I8: in the end the store's counters are the fold of the ledger (but for holds granted to nobody, see `granted.ts`), what has settled
 * is what results cost, and no hold is open.
 */
export function countersAreTheLedger(view: MoneyView): Invariant {
  return {
    name: "I8",
    atEnd(log) {
      const fold = new LedgerFold();
      const entries = log.partitions(view.topics.usage).flatMap((partition) =>
        partition.visible().map((record) => {
          const entry = usageEntrySchema.parse(jsonOf(record));
          fold.add(partition.number, record.offset, entry);
          return entry;
        }),
      );
      const { counters, holds } = fold.snapshot(view.now_ms());
      return sumsDiffer(view, counters) ?? costsDiffer(view, log, entries) ?? holdLeft(view, log, holds);
    },
  };
}

type Sum = {
  readonly tenant: string;
  readonly counter: CounterRef;
  readonly reserved_nusd: number;
  readonly settled_nusd: number;
};

function sumsDiffer({ stores }: MoneyView, folded: readonly Sum[]): Violation | undefined {
  const unheard_nusd = new Map<string, number>();
  for (const { tenant, reservation } of stores.granted.unheard) {
    for (const ref of reservation.counters) {
      add(unheard_nusd, `${tenant} ${counterName(ref)}`, reservation.reserved_nusd);
    }
  }
  const byName = (sums: readonly Sum[]) =>
    new Map(
      sums.map(({ tenant, counter, reserved_nusd, settled_nusd }) => {
        return [`${tenant} ${counterName(counter)}`, `${reserved_nusd} reserved, ${settled_nusd} settled`];
      }),
    );
  const kept = stores.counters.counters().map((sum) => {
    const unheard = unheard_nusd.get(`${sum.tenant} ${counterName(sum.counter)}`) ?? 0;
    return { ...sum, reserved_nusd: sum.reserved_nusd - unheard };
  });
  const [ledger, store] = [byName(folded), byName(kept)];
  for (const name of new Set([...ledger.keys(), ...store.keys()])) {
    const [says = NOTHING, has = NOTHING] = [ledger.get(name), store.get(name)];
    if (says !== has) return broken(`${name}: the ledger says ${says}, the store has ${has}`);
  }
  return undefined;
}

const NOTHING = "0 reserved, 0 settled";

/** Of each request: what its result cost is settled, and what was settled without a known cost is what was held. */
function costsDiffer({ topics }: MoneyView, log: SimulatedLog, entries: readonly UsageEntry[]): Violation | undefined {
  const costs = new Map<string, number>();
  for (const record of log.visible(topics.results)) {
    const { tenant, id, usage } = jsonOf(record) as { tenant: string; id: string; usage?: { cost_usd: number } };
    if (usage !== undefined) add(costs, `${tenant} ${id}`, nusd(usage.cost_usd));
  }
  const settled = new Map<string, number>();
  for (const { tenant, id, kind, cause, settled_nusd, reserved_nusd } of entries) {
    if (kind !== "settled") continue;
    const subject = `${tenant} ${id}`;
    if (cause === "result") add(settled, subject, settled_nusd);
    else if (settled_nusd !== reserved_nusd) return broken(`${subject} settled a part of what was held`);
    // One hop was paid and another may have been: what is known of the cost is within what was held.
    else if ((costs.get(subject) ?? 0) <= settled_nusd) costs.delete(subject);
  }
  for (const subject of new Set([...costs.keys(), ...settled.keys()])) {
    const [cost_nusd, settled_nusd] = [costs.get(subject) ?? 0, settled.get(subject) ?? 0];
    if (cost_nusd !== settled_nusd) {
      return broken(`${subject} cost ${cost_nusd} nano-dollars and ${settled_nusd} are settled`, subject);
    }
  }
  return undefined;
}

function holdLeft(
  { stores, topics, isBuried }: MoneyView,
  log: SimulatedLog,
  holds: readonly {
    readonly tenant: string;
    readonly id: string;
    readonly reservation: { readonly hold_id: string };
  }[],
): Violation | undefined {
  // A refusal that was forgotten may be admitted later; the outcome of that comes too late. The sweep ends such holds.
  const ended = stores.redis_lost
    ? new Set(log.visible(topics.results).map((record) => subjectOf(jsonOf(record) as { tenant: string; id: string })))
    : new Set<string>();
  for (const hold of holds) {
    const subject = subjectOf(hold);
    if (ended.has(subject) || isBuried(subject, log)) continue;
    return broken(`the hold ${hold.reservation.hold_id} of ${subject} is open in the end`, subject);
  }
  return undefined;
}

function subjectOf({ tenant, id }: { readonly tenant: string; readonly id: string }): string {
  return `${tenant} ${id}`;
}

function add(sums: Map<string, number>, name: string, more: number): void {
  sums.set(name, (sums.get(name) ?? 0) + more);
}

function broken(message: string, subject?: string): Violation {
  return { invariant: "I8", message, ...(subject === undefined ? {} : { subject }) };
}
