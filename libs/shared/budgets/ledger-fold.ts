/**
 * Folds `llm.usage` into what the counters are (I8), by the rules in `../events/usage.ts`. Pure and incremental.
 *
 * A request has one hold at a time. Two stand in the ledger when the counters were lost between reserving and telling, and the request
 * was reserved again: the one that was reserved later counts, and none counts that was reserved before its request ended.
 *
 * Entries come in the order of their partition; partitions may interleave as they like, since all of a tenant is in one. An entry
 * whose offset was there before changes nothing. Kept are counters of windows that may still be asked for or settled, open holds,
 * and what was admitted within the time that ids are remembered: about 0.45 KB a request of that time, and 0.6 KB with the snapshot.
 */
import type { UsageEntry } from "../events/usage.ts";
import type { Snapshot } from "./admission-store.ts";
import { type CounterRef, counterName, windowOf } from "./scopes.ts";
import { counterExpires_ms, DAY_MS } from "./store-names.ts";

export type Keep = {
  /** How long ids of admitted requests are remembered. */
  readonly seen_ttl_ms: number;
  /** How long a session's counter is kept after its last entry. */
  readonly session_ttl_ms: number;
};

/** In nano-dollars, over all windows: `reserved_nusd` is what open holds hold. */
export type LedgerTotals = {
  readonly entries: number;
  readonly holds: number;
  readonly reserved_nusd: number;
  readonly settled_nusd: number;
};

type Counter = { readonly ref: CounterRef; reserved_nusd: number; settled_nusd: number; last_ms: number };
type Totals = { -readonly [Name in keyof LedgerTotals]: LedgerTotals[Name] };
/** A request that was let through. There may be millions: of one that has ended only this is kept. */
type Admitted = Pick<UsageEntry, "id" | "hold_id" | "at_ms" | "content_hash" | "place" | "user" | "key_id"> & {
  /** Tokens it weighs in the rates: those charged, and once it has ended those used. */
  tokens: number;
};
type Open = { readonly entry: UsageEntry; readonly admitted: Admitted };
type Tenant = {
  readonly counters: Map<string, Counter>;
  /** By hold. */
  readonly admitted: Map<string, Admitted>;
  /** Those that are open, by request. */
  readonly open: Map<string, Open>;
  /** Ids of requests that have ended, with the time of their end. */
  readonly ended: Map<string, number>;
  readonly totals: Totals;
};

const MINUTE_MS = 60_000;
const ENTRIES_BETWEEN_PRUNES = 4_096;

export class LedgerFold {
  readonly #tenants = new Map<string, Tenant>();
  readonly #applied = new Map<number, number>();
  readonly #keep: Keep;
  #newest_ms = 0;
  #until_prune = ENTRIES_BETWEEN_PRUNES;

  /** @param keep what is older than this, seen from the newest entry, is forgotten on the way. Left out: nothing is. */
  constructor(keep: Keep = { seen_ttl_ms: Number.POSITIVE_INFINITY, session_ttl_ms: Number.POSITIVE_INFINITY }) {
    this.#keep = keep;
  }

  /**
   * @param at_ms when the entry was written, of which the newest says what is old; left out: the entry's own time.
   * @returns false for an offset that is part of the fold already.
   */
  add(partition: number, offset: number | string, entry: UsageEntry, at_ms = entry.at_ms): boolean {
    if (Number(offset) <= (this.#applied.get(partition) ?? -1)) return false;
    this.#applied.set(partition, Number(offset));
    this.#newest_ms = Math.max(this.#newest_ms, at_ms);
    this.#count(entry);
    this.#until_prune -= 1;
    if (this.#until_prune === 0) this.#prune();
    return true;
  }

  /** All up to the offset, included, has been read: marks of transactions are offsets without an entry. */
  reached(partition: number, offset: number | string): void {
    this.#applied.set(partition, Math.max(Number(offset), this.#applied.get(partition) ?? -1));
  }

  /** What the counters are at the time given. */
  snapshot(now_ms: number, keep: Keep = this.#keep): Snapshot {
    const tenants = [...this.#tenants];
    return {
      counters: tenants.flatMap(([tenant, { counters }]) => countersAt(tenant, counters.values(), now_ms, keep)),
      holds: tenants.flatMap(([tenant, { open }]) => holdsOf(tenant, open.values(), keep)),
      seen: tenants.flatMap(([tenant, of]) => seenAt(tenant, of, now_ms, keep)),
      rates: tenants.flatMap(([tenant, { admitted }]) => ratesAt(tenant, admitted.values(), now_ms)),
      applied: new Map(
        [...this.#applied].flatMap(([partition, offset]) => (offset < 0 ? [] : [[partition, String(offset)]])),
      ),
    };
  }

  /** By tenant. */
  totals(): ReadonlyMap<string, LedgerTotals> {
    return new Map([...this.#tenants].map(([tenant, { totals }]) => [tenant, { ...totals }]));
  }

  #count(entry: UsageEntry): void {
    const tenant = this.#tenant(entry.tenant);
    tenant.totals.entries += 1;
    switch (entry.kind) {
      case "reserved":
        this.#open(tenant, entry);
        return;
      case "settled":
      case "released": {
        const settled_nusd = entry.kind === "settled" ? entry.settled_nusd : 0;
        tenant.ended.set(entry.id, entry.at_ms);
        this.#move(tenant, entry, this.#close(tenant, entry) ? -entry.reserved_nusd : 0, settled_nusd);
        return;
      }
      case "adjusted":
        this.#move(tenant, entry, 0, entry.settled_nusd);
    }
  }

  #open(tenant: Tenant, entry: UsageEntry): void {
    const { id, hold_id, at_ms, reserved_nusd } = entry;
    if (tenant.admitted.has(hold_id) || at_ms < (tenant.ended.get(id) ?? 0)) return;
    const other = tenant.open.get(id);
    if (other !== undefined) {
      if (other.entry.at_ms > at_ms) return;
      tenant.admitted.delete(other.entry.hold_id);
      tenant.totals.holds -= 1;
      this.#move(tenant, other.entry, -other.entry.reserved_nusd, 0);
    }
    const { content_hash, place, user, key_id } = entry;
    const admitted = { id, hold_id, at_ms, content_hash, place, user, key_id, tokens: entry.tokens?.reserved ?? 0 };
    tenant.admitted.set(hold_id, admitted);
    tenant.open.set(id, { entry, admitted });
    tenant.totals.holds += 1;
    this.#move(tenant, entry, reserved_nusd, 0);
  }

  /** @returns false where the hold is not open. */
  #close(tenant: Tenant, { id, hold_id, kind, tokens }: UsageEntry): boolean {
    const held = tenant.open.get(id);
    if (held?.entry.hold_id !== hold_id) return false;
    const { admitted } = held;
    tenant.open.delete(id);
    admitted.tokens = tokens?.used ?? (kind === "released" ? 0 : admitted.tokens);
    tenant.totals.holds -= 1;
    return true;
  }

  #move(tenant: Tenant, { counters, at_ms }: UsageEntry, reserved_nusd: number, settled_nusd: number): void {
    tenant.totals.reserved_nusd += reserved_nusd;
    tenant.totals.settled_nusd += settled_nusd;
    for (const ref of counters) {
      const name = counterName(ref);
      let counter = tenant.counters.get(name);
      // A session that was silent for so long begins at nought.
      if (counter === undefined || !isKept(counter, at_ms, this.#keep)) {
        counter = { ref, reserved_nusd: 0, settled_nusd: 0, last_ms: at_ms };
        tenant.counters.set(name, counter);
      }
      counter.reserved_nusd += reserved_nusd;
      counter.settled_nusd += settled_nusd;
      counter.last_ms = Math.max(counter.last_ms, at_ms);
    }
  }

  #tenant(name: string): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) {
      const totals = { entries: 0, holds: 0, reserved_nusd: 0, settled_nusd: 0 };
      tenant = { counters: new Map(), admitted: new Map(), open: new Map(), ended: new Map(), totals };
      this.#tenants.set(name, tenant);
    }
    return tenant;
  }

  /** Forgets what no snapshot from now on would hold. */
  #prune(): void {
    this.#until_prune = ENTRIES_BETWEEN_PRUNES;
    const now_ms = this.#newest_ms;
    const oldest_ms = now_ms - Math.max(this.#keep.seen_ttl_ms, DAY_MS);
    for (const { counters, admitted, open, ended } of this.#tenants.values()) {
      for (const [name, counter] of counters) if (!isKept(counter, now_ms, this.#keep)) counters.delete(name);
      for (const [hold, one] of admitted) if (one.at_ms < oldest_ms && !isOpen(open, one)) admitted.delete(hold);
      for (const [id, at_ms] of ended) if (at_ms < oldest_ms) ended.delete(id);
    }
  }
}

function isKept({ ref, reserved_nusd, last_ms }: Counter, now_ms: number, keep: Keep): boolean {
  return reserved_nusd !== 0 || counterExpires_ms(ref, last_ms, keep.session_ttl_ms) > now_ms;
}

function countersAt(tenant: string, counters: Iterable<Counter>, now_ms: number, keep: Keep): Snapshot["counters"] {
  return [...counters].flatMap((counter) => {
    if (!isKept(counter, now_ms, keep)) return [];
    const { ref, reserved_nusd, settled_nusd } = counter;
    return [{ tenant, counter: ref, reserved_nusd, settled_nusd }];
  });
}

function holdsOf(tenant: string, open: Iterable<Open>, keep: Keep): Snapshot["holds"] {
  return [...open].map(({ entry }) => {
    const { id, hold_id, reserved_nusd, counters, at_ms, user, key_id } = entry;
    const reservation = { hold_id, reserved_nusd, tokens: entry.tokens?.reserved ?? 0, counters, at_ms };
    return { tenant, id, reservation, expires_ms: entry.expires_ms ?? at_ms + keep.seen_ttl_ms, user, key_id };
  });
}

function isOpen(open: Tenant["open"], { id, hold_id }: Admitted): boolean {
  return open.get(id)?.entry.hold_id === hold_id;
}

function seenAt(tenant: string, { admitted, open, ended }: Tenant, now_ms: number, keep: Keep): Snapshot["seen"] {
  const seen = new Map<string, Snapshot["seen"][number]>();
  for (const one of admitted.values()) {
    const { id, content_hash, place, at_ms } = one;
    if (content_hash === undefined || place === undefined) continue;
    // Of an open hold it is known however old: the record may come again.
    if (at_ms + keep.seen_ttl_ms <= now_ms && !isOpen(open, one)) continue;
    seen.set(id, { tenant, id, content_hash, place, settled: ended.has(id) });
  }
  return [...seen.values()];
}

/** Today's, and those of the last minute when the day is that young. */
function ratesAt(tenant: string, admitted: Iterable<Admitted>, now_ms: number): Snapshot["rates"] {
  const today = windowOf("tenant_day", now_ms);
  return [...admitted].flatMap(({ at_ms, user, key_id, tokens }) => {
    if (at_ms <= now_ms - MINUTE_MS && windowOf("tenant_day", at_ms) !== today) return [];
    return [{ tenant, user, key_id, at_ms, tokens }];
  });
}
