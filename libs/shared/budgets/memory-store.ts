/**
 * Admission counters in memory: the simulation's, and the model that the Redis scripts are tested against. Nothing awaits
 * within a call, so each is one atomic step. It holds what a run brings and ends with it.
 */
import type { Clock } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import type { UsageEntry } from "../events/usage.ts";
import type {
  AdmissionStore,
  Answer,
  Applied,
  ApplyContext,
  ApplyResult,
  Ask,
  CountersLife,
  Crossing,
  ExpiredHold,
  Needs,
  RateRoom,
  Refusal,
  Restoring,
  Snapshot,
} from "./admission-store.ts";
import { newlyCrossed } from "./crossings.ts";
import { type ChargedAs, MemoryRates, tighterRoom } from "./memory-rates.ts";
import { type Counter, MemoryTenant } from "./memory-tenant.ts";
import { type CounterRef, type CounterScope, countersOf, windowEnd_ms } from "./scopes.ts";
import { RATE_SLOT_MS, RATE_SLOTS, SlotWindow, VELOCITY_SLOTS } from "./slot-window.ts";
import { counterExpires_ms, counterKeyName, dayOf, inCheckOrder, rateName, rateSubjectsOf } from "./store-names.ts";
import {
  type AdmissionStoreOptions,
  type CounterSums,
  IN_FLIGHT_RETRY_MS,
  REFUSAL_TTL_MS,
  type TenantCounters,
  type Trip,
} from "./store-options.ts";

export type MemoryStoreOptions = AdmissionStoreOptions & {
  readonly clock: Clock;
  /** Who restores and is not done by then has given up. */
  readonly lock_ttl_ms?: number;
};

type Moved = { readonly reserved_nusd: number; readonly settled_nusd: number };

const LOCK_TTL_MS = 60_000;

export class MemoryAdmissionStore implements AdmissionStore, CountersLife, TenantCounters {
  readonly #options: MemoryStoreOptions;
  #tenants = new Map<string, MemoryTenant>();
  /** By tenant and subject, `global` first of all. */
  #rates = new Map<string, MemoryRates>();
  #applied = new Map<number, bigint>();
  #epoch: string | undefined;
  #lock: { readonly token: object; readonly until_ms: number } | undefined;
  #names = 0;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
  }

  reserve(asks: readonly Ask[]): Promise<Answer[]> {
    return Promise.resolve(asks.map((ask) => this.#answer(ask, this.#options.clock.now_ms())));
  }

  apply(entries: readonly (Applied & ApplyContext)[]): Promise<ApplyResult[]> {
    return Promise.resolve(entries.map((entry) => this.#apply(entry, this.#options.clock.now_ms())));
  }

  expired(count_max: number): Promise<ExpiredHold[]> {
    const now_ms = this.#options.clock.now_ms();
    const holds = [...this.#tenants].flatMap(([tenant, { holds: open }]) =>
      [...open].map(([id, { reservation, expires_ms }]) => ({ tenant, id, reservation, expires_ms })),
    );
    const over = holds.filter(({ expires_ms }) => expires_ms <= now_ms);
    over.sort((one, other) => one.expires_ms - other.expires_ms);
    return Promise.resolve(
      over.slice(0, count_max).map(({ tenant, id, reservation }) => ({ tenant, id, reservation })),
    );
  }

  read(tenant: string, counters: readonly CounterRef[]): Promise<CounterSums[]> {
    const now_ms = this.#options.clock.now_ms();
    return Promise.resolve(
      counters.map((counter) => {
        const sums = this.#tenant(tenant).counters.get(counterKeyName(counter), now_ms);
        return { counter, reserved_nusd: sums?.reserved_nusd ?? 0, settled_nusd: sums?.settled_nusd ?? 0 };
      }),
    );
  }

  tripped(tenant: string): Promise<Trip | undefined> {
    return Promise.resolve(this.#tenant(tenant).trip);
  }

  resume(tenant: string): Promise<boolean> {
    const state = this.#tenant(tenant);
    const was = state.trip !== undefined;
    state.trip = undefined;
    state.velocity = undefined;
    return Promise.resolve(was);
  }

  epoch(): Promise<string | undefined> {
    return Promise.resolve(this.#epoch);
  }

  begin({ if_lost = false }: { readonly if_lost?: boolean } = {}): Promise<Restoring | undefined> {
    const now_ms = this.#options.clock.now_ms();
    if (this.#lock !== undefined && this.#lock.until_ms > now_ms) return Promise.resolve(undefined);
    const ended_life = this.#epoch !== undefined;
    if (if_lost && ended_life) return Promise.resolve(undefined);
    const token = {};
    this.#lock = { token, until_ms: now_ms + (this.#options.lock_ttl_ms ?? LOCK_TTL_MS) };
    this.#epoch = undefined;
    const isMine = () => this.#lock?.token === token && this.#lock.until_ms > this.#options.clock.now_ms();
    return Promise.resolve({
      ended_life,
      finish: async (snapshot: Snapshot) => {
        if (!isMine()) {
          throw new SluiceError("dependency_unavailable", "another restores the counters", { retryable: true });
        }
        this.#lock = undefined;
        return this.#restore(snapshot, this.#options.clock.now_ms());
      },
      abandon: async () => {
        if (isMine()) this.#lock = undefined;
      },
    });
  }

  /** Everything is gone, as after `FLUSHALL`. */
  lose(): void {
    this.#tenants = new Map();
    this.#rates = new Map();
    this.#applied = new Map();
    this.#epoch = undefined;
    this.#lock = undefined;
  }

  /** Whether there are counters now. */
  get lives(): boolean {
    return this.#epoch !== undefined;
  }

  /** All sums. */
  counters(): (CounterSums & { readonly tenant: string })[] {
    const now_ms = this.#options.clock.now_ms();
    return [...this.#tenants].flatMap(([tenant, { counters }]) =>
      counters.values(now_ms).map(({ ref, reserved_nusd, settled_nusd }) => {
        return { tenant, counter: ref, reserved_nusd, settled_nusd };
      }),
    );
  }

  #answer(ask: Ask, now_ms: number): Answer {
    const epoch = this.#epoch;
    if (epoch === undefined) return { kind: "lost" };
    const { id, needs } = ask;
    const tenant = this.#tenant(ask.tenant);
    const known = tenant.identify(ask, epoch, now_ms);
    if (known !== undefined && known.kind !== "key_taken") return known;
    const seen = { content_hash: ask.content_hash, place: ask.place, settled: false };
    const seen_until_ms = now_ms + this.#options.seen_ttl_ms;
    const isNew = tenant.seen.get(id, now_ms) === undefined;
    if (isNew) tenant.seen.set(id, seen, seen_until_ms);
    if (known !== undefined) return known;
    if (needs === undefined) return { kind: "known", id };
    const refusal = this.#refusal(ask.tenant, needs, now_ms);
    if (refusal === undefined || ask.defers) this.#takeKey(ask, now_ms);
    if (refusal !== undefined) {
      tenant.refusals.set(id, refusal, now_ms + REFUSAL_TTL_MS);
      return { kind: "refused", id, refusal };
    }
    tenant.refusals.delete(id);
    tenant.seen.set(id, seen, seen_until_ms);
    return this.#admit(ask, needs, epoch, now_ms);
  }

  #takeKey(ask: Ask, now_ms: number): void {
    if (ask.idempotency === undefined) return;
    const { id, content_hash } = ask;
    const until_ms = now_ms + this.#options.idempotency_ttl_ms;
    this.#tenant(ask.tenant).keys.set(ask.idempotency, { id, content_hash }, until_ms);
  }

  /** The first check that fails. */
  #refusal(tenant: string, needs: Needs, now_ms: number): Refusal | undefined {
    const state = this.#tenant(tenant);
    if (state.trip !== undefined) {
      const { limit_nusd } = state.trip;
      return { reason: "velocity", scope: "tenant", limit: limit_nusd, left: 0, needed: needs.reserved_nusd };
    }
    const limit = needs.in_flight_max;
    const open = state.holds.size;
    if (limit !== undefined && open + 1 > limit) {
      const left = Math.max(0, limit - open);
      const retry_after_ms = IN_FLIGHT_RETRY_MS;
      return { reason: "in_flight", scope: "tenant", limit, left, needed: 1, retry_after_ms };
    }
    const rates = inCheckOrder(needs.rates);
    for (const ask of rates) {
      const refusal = this.#ratesOf(tenant, ask).quotaRefusal(ask, now_ms);
      if (refusal !== undefined) return refusal;
    }
    for (const ask of rates) {
      const refusal = this.#ratesOf(tenant, ask).rateRefusal(ask, needs.tokens, now_ms);
      if (refusal !== undefined) return refusal;
    }
    return this.#budgetRefusal(tenant, needs, now_ms);
  }

  #budgetRefusal(tenant: string, needs: Needs, now_ms: number): Refusal | undefined {
    const needed = needs.reserved_nusd;
    for (const ref of countersOf(needs, now_ms)) {
      const limit = needs.caps_nusd[ref.scope];
      if (limit === undefined) continue;
      const sums = this.#tenant(tenant).counters.get(counterKeyName(ref), now_ms);
      const used = (sums?.reserved_nusd ?? 0) + (sums?.settled_nusd ?? 0);
      if (used + needed <= limit) continue;
      const end_ms = needed > limit ? undefined : windowEnd_ms(ref.scope, now_ms);
      const wait = end_ms === undefined ? {} : { retry_after_ms: end_ms - now_ms };
      return { reason: "budget", scope: ref.scope, limit, left: Math.max(0, limit - used), needed, ...wait };
    }
    return undefined;
  }

  #admit(ask: Ask, needs: Needs, epoch: string, now_ms: number): Answer {
    const { tenant, id } = ask;
    const { reserved_nusd, tokens, expires_ms } = needs;
    this.#names += 1;
    const counters = countersOf(needs, now_ms);
    const reservation = { hold_id: `${epoch}.${this.#names}`, reserved_nusd, tokens, counters, at_ms: now_ms };
    const charged = new Map<MemoryRates, ChargedAs>();
    let room: RateRoom = {};
    for (const rate of inCheckOrder(needs.rates)) {
      const rates = this.#ratesOf(tenant, rate);
      const as = rates.charge(rate, tokens, now_ms);
      if (as !== undefined) charged.set(rates, as);
      room = tighterRoom(room, rates.room(rate, now_ms));
    }
    this.#tenant(tenant).holds.set(id, { reservation, expires_ms, charged });
    const moved = { reserved_nusd, settled_nusd: 0 };
    const crossings = this.#move(tenant, counters, moved, needs.caps_nusd, now_ms);
    return { kind: "admitted", id, reservation, epoch, room, crossings };
  }

  #move(
    tenant: string,
    refs: readonly CounterRef[],
    moved: Moved,
    caps_nusd: Readonly<Partial<Record<CounterScope, number>>>,
    now_ms: number,
  ): Crossing[] {
    const { counters } = this.#tenant(tenant);
    return refs.flatMap((ref) => {
      const until_ms = counterExpires_ms(ref, now_ms, this.#options.session_ttl_ms);
      const name = counterKeyName(ref);
      const empty: Counter = { ref, reserved_nusd: 0, settled_nusd: 0, told: undefined };
      const counter = counters.get(name, now_ms) ?? empty;
      counter.reserved_nusd += moved.reserved_nusd;
      counter.settled_nusd += moved.settled_nusd;
      counters.set(name, counter, until_ms);
      const cap_nusd = caps_nusd[ref.scope];
      if (cap_nusd === undefined) return [];
      const used_nusd = counter.reserved_nusd + counter.settled_nusd;
      const crossed = newlyCrossed(this.#options.alert_at, cap_nusd, used_nusd, counter.told);
      const highest = crossed.at(-1);
      if (highest !== undefined) counter.told = { threshold: highest, cap_nusd };
      return crossed.map((threshold) => ({ tenant, ...ref, threshold, cap_nusd, used_nusd }));
    });
  }

  #apply({ partition, offset, entry, ...context }: Applied & ApplyContext, now_ms: number): ApplyResult {
    if (this.#epoch === undefined) return { kind: "lost" };
    const at = this.#applied.get(partition);
    if (at !== undefined && BigInt(offset) <= at) return { kind: "skipped" };
    this.#applied.set(partition, BigInt(offset));
    const moved = entry.kind === "reserved" ? this.#reserveAgain(entry, now_ms) : this.#end(entry, now_ms);
    if (moved === undefined) return { kind: "skipped" };
    const crossings = this.#move(entry.tenant, entry.counters, moved, context.caps_nusd, now_ms);
    const tripped = entry.kind === "settled" && this.#trips(entry, context, now_ms);
    return { kind: "applied", crossings, tripped };
  }

  /** What was reserved in an earlier life, and is not part of what was restored. */
  #reserveAgain(entry: UsageEntry, now_ms: number): Moved | undefined {
    const tenant = this.#tenant(entry.tenant);
    if (entry.epoch === this.#epoch || tenant.holds.has(entry.id)) return undefined;
    const seen = tenant.seen.get(entry.id, now_ms);
    if (seen?.settled) return undefined;
    const { id, hold_id, reserved_nusd, counters, at_ms, content_hash, place, expires_ms } = entry;
    const reservation = { hold_id, reserved_nusd, tokens: entry.tokens?.reserved ?? 0, counters, at_ms };
    tenant.holds.set(id, { reservation, expires_ms: expires_ms ?? now_ms, charged: new Map() });
    if (seen === undefined && content_hash !== undefined && place !== undefined) {
      tenant.seen.set(id, { content_hash, place, settled: false }, now_ms + this.#options.seen_ttl_ms);
    }
    return { reserved_nusd, settled_nusd: 0 };
  }

  /** What was settled, released or adjusted. */
  #end(entry: UsageEntry, now_ms: number): Moved {
    const { id, kind } = entry;
    const settled_nusd = kind === "released" ? 0 : entry.settled_nusd;
    if (kind === "adjusted") return { reserved_nusd: 0, settled_nusd };
    const tenant = this.#tenant(entry.tenant);
    const seen = tenant.seen.get(id, now_ms);
    if (seen !== undefined) seen.settled = true;
    const hold = tenant.holds.get(id);
    if (hold?.reservation.hold_id !== entry.hold_id) return { reserved_nusd: 0, settled_nusd };
    tenant.holds.delete(id);
    const used = entry.tokens?.used ?? (kind === "released" ? 0 : hold.reservation.tokens);
    const { at_ms, tokens, reserved_nusd } = hold.reservation;
    for (const [rates, as] of hold.charged) rates.correct(as, at_ms, used - tokens, now_ms);
    return { reserved_nusd: -reserved_nusd, settled_nusd };
  }

  #trips(entry: UsageEntry, { velocity }: ApplyContext, now_ms: number): boolean {
    if (velocity === undefined) return false;
    const tenant = this.#tenant(entry.tenant);
    const slot_ms = Math.ceil((velocity.window_s * 1000) / VELOCITY_SLOTS);
    if (tenant.velocity?.slot_ms !== slot_ms) tenant.velocity = new SlotWindow(slot_ms, VELOCITY_SLOTS);
    tenant.velocity.add(entry.at_ms, entry.settled_nusd, now_ms);
    if (tenant.trip !== undefined || tenant.velocity.sum(now_ms) <= velocity.usd_nusd) return false;
    tenant.trip = { limit_nusd: velocity.usd_nusd, at_ms: now_ms };
    return true;
  }

  #restore(snapshot: Snapshot, now_ms: number): string {
    for (const tenant of this.#tenants.values()) tenant.forgetLife();
    for (const { tenant, counter, ...moved } of snapshot.counters) this.#move(tenant, [counter], moved, {}, now_ms);
    this.#restoreRates(snapshot, now_ms);
    for (const { tenant, id, content_hash, place, settled } of snapshot.seen) {
      this.#tenant(tenant).seen.set(id, { content_hash, place, settled }, now_ms + this.#options.seen_ttl_ms);
    }
    for (const { tenant, id, reservation, expires_ms, user, key_id } of snapshot.holds) {
      const isRecent = now_ms - reservation.at_ms <= RATE_SLOT_MS * RATE_SLOTS;
      const subjects = isRecent ? rateSubjectsOf({ user, key_id }) : [];
      const charged = subjects.map((subject) => [this.#ratesOf(tenant, subject), "sliding_window"] as const);
      this.#tenant(tenant).holds.set(id, { reservation, expires_ms, charged: new Map(charged) });
    }
    this.#applied = new Map([...snapshot.applied].map(([partition, offset]) => [partition, BigInt(offset)]));
    this.#names += 1;
    this.#epoch = `e${this.#names}`;
    return this.#epoch;
  }

  /** Of whom the ledger knows, all anew; the others keep what they have. */
  #restoreRates({ rates }: Snapshot, now_ms: number): void {
    const charged = rates.flatMap((one) => rateSubjectsOf(one).map((subject) => ({ ...one, subject })));
    for (const { tenant, subject } of charged) this.#rates.delete(this.#rateKey(tenant, subject));
    for (const { tenant, subject, at_ms, tokens } of charged) {
      const state = this.#ratesOf(tenant, subject);
      state.addPast(at_ms, tokens, now_ms);
      if (dayOf(at_ms) === dayOf(now_ms)) state.countToday(1, now_ms);
    }
  }

  #tenant(name: string): MemoryTenant {
    const tenant = this.#tenants.get(name) ?? new MemoryTenant();
    this.#tenants.set(name, tenant);
    return tenant;
  }

  #ratesOf(tenant: string, subject: Parameters<typeof rateName>[0]): MemoryRates {
    const key = this.#rateKey(tenant, subject);
    const rates = this.#rates.get(key) ?? new MemoryRates();
    this.#rates.set(key, rates);
    return rates;
  }

  #rateKey(tenant: string, subject: Parameters<typeof rateName>[0]): string {
    return subject.scope === "global" ? rateName(subject) : `${tenant}/${rateName(subject)}`;
  }
}
