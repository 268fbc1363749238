/** All that memory keeps of admission: tenants, rates, the life of the counters. Time is an argument. */
import type { Crossing, Snapshot } from "./admission-store.ts";
import { newlyCrossed } from "./crossings.ts";
import { MemoryRates } from "./memory-rates.ts";
import { type Counter, MemoryTenant } from "./memory-tenant.ts";
import type { CounterRef, CounterScope } from "./scopes.ts";
import { RATE_SLOT_MS, RATE_SLOTS } from "./slot-window.ts";
import { counterExpires_ms, counterKeyName, dayOf, type RateSubject, rateName, rateSubjectsOf } from "./store-names.ts";
import type { AdmissionStoreOptions } from "./store-options.ts";

/** What an entry adds to each of its counters. */
export type Moved = { readonly reserved_nusd: number; readonly settled_nusd: number };

export class MemoryState {
  readonly options: AdmissionStoreOptions;
  readonly tenants = new Map<string, MemoryTenant>();
  /** By partition of `llm.usage`: the last offset. */
  applied = new Map<number, bigint>();
  epoch: string | undefined;
  /** By tenant and subject; `global` is of no tenant. */
  readonly #rates = new Map<string, MemoryRates>();

  constructor(options: AdmissionStoreOptions) {
    this.options = options;
  }

  /** @returns the thresholds that were crossed. */
  move(
    tenant: string,
    refs: readonly CounterRef[],
    moved: Moved,
    caps_nusd: Readonly<Partial<Record<CounterScope, number>>>,
    now_ms: number,
  ): Crossing[] {
    const { counters } = this.tenant(tenant);
    return refs.flatMap((ref) => {
      const until_ms = counterExpires_ms(ref, now_ms, this.options.session_ttl_ms);
      const name = counterKeyName(ref);
      const empty: Counter = { ref, reserved_nusd: 0, settled_nusd: 0, told: undefined };
      const counter = counters.get(name, now_ms) ?? empty;
      counter.reserved_nusd += moved.reserved_nusd;
      counter.settled_nusd += moved.settled_nusd;
      counters.set(name, counter, until_ms);
      const cap_nusd = caps_nusd[ref.scope];
      if (cap_nusd === undefined) return [];
      const used_nusd = counter.reserved_nusd + counter.settled_nusd;
      const crossed = newlyCrossed(this.options.alert_at, cap_nusd, used_nusd, counter.told);
      const highest = crossed.at(-1);
      if (highest !== undefined) counter.told = { threshold: highest, cap_nusd };
      return crossed.map((threshold) => ({ tenant, ...ref, threshold, cap_nusd, used_nusd }));
    });
  }

  /** As the snapshot says, under a new epoch. */
  restore(snapshot: Snapshot, epoch: string, now_ms: number): void {
    for (const tenant of this.tenants.values()) tenant.forgetLife();
    for (const { tenant, counter, ...moved } of snapshot.counters) this.move(tenant, [counter], moved, {}, now_ms);
    this.#restoreRates(snapshot, now_ms);
    for (const { tenant, id, content_hash, place, settled } of snapshot.seen) {
      this.tenant(tenant).seen.set(id, { content_hash, place, settled }, now_ms + this.options.seen_ttl_ms);
    }
    for (const { tenant, id, reservation, expires_ms, user, key_id } of snapshot.holds) {
      const isRecent = now_ms - reservation.at_ms <= RATE_SLOT_MS * RATE_SLOTS;
      const subjects = isRecent ? rateSubjectsOf({ user, key_id }) : [];
      const charged = subjects.map((subject) => [this.ratesOf(tenant, subject), "sliding_window"] as const);
      this.tenant(tenant).holds.set(id, { reservation, expires_ms, charged: new Map(charged) });
    }
    this.applied = new Map([...snapshot.applied].map(([partition, offset]) => [partition, BigInt(offset)]));
    this.epoch = epoch;
  }

  /** Of whom the ledger knows, all anew; the others keep what they have. */
  #restoreRates({ rates }: Snapshot, now_ms: number): void {
    const charged = rates.flatMap((one) => rateSubjectsOf(one).map((subject) => ({ ...one, subject })));
    for (const { tenant, subject } of charged) this.#rates.delete(this.#rateKey(tenant, subject));
    for (const { tenant, subject, at_ms, tokens } of charged) {
      const state = this.ratesOf(tenant, subject);
      state.addPast(at_ms, tokens, now_ms);
      if (dayOf(at_ms) === dayOf(now_ms)) state.countToday(1, now_ms);
    }
  }

  tenant(name: string): MemoryTenant {
    const tenant = this.tenants.get(name) ?? new MemoryTenant();
    this.tenants.set(name, tenant);
    return tenant;
  }

  ratesOf(tenant: string, subject: RateSubject): MemoryRates {
    const key = this.#rateKey(tenant, subject);
    const rates = this.#rates.get(key) ?? new MemoryRates();
    this.#rates.set(key, rates);
    return rates;
  }

  #rateKey(tenant: string, subject: RateSubject): string {
    return subject.scope === "global" ? rateName(subject) : `${tenant}/${rateName(subject)}`;
  }
}
