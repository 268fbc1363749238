/**
 * Admission counters in memory: the simulation's, and the model that the Redis scripts are tested against. Nothing awaits
 * within a call, so each is one atomic step. It holds what a run brings and ends with it.
 */
import type { Clock } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import type {
  AdmissionStore,
  Answer,
  Applied,
  ApplyContext,
  ApplyResult,
  Ask,
  CountersLife,
  ExpiredHold,
  Needs,
  RateRoom,
  Refusal,
  Restoring,
  Snapshot,
} from "./admission-store.ts";
import { applyEntry } from "./memory-apply.ts";
import { type ChargedAs, type MemoryRates, tighterRoom } from "./memory-rates.ts";
import { MemoryState } from "./memory-state.ts";
import { type CounterRef, countersOf, windowEnd_ms } from "./scopes.ts";
import { counterKeyName, inCheckOrder } from "./store-names.ts";
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

const LOCK_TTL_MS = 60_000;

export class MemoryAdmissionStore implements AdmissionStore, CountersLife, TenantCounters {
  readonly #options: MemoryStoreOptions;
  #state: MemoryState;
  #lock: { readonly token: object; readonly until_ms: number } | undefined;
  #names = 0;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#state = new MemoryState(options);
  }

  reserve(asks: readonly Ask[]): Promise<Answer[]> {
    return Promise.resolve(asks.map((ask) => this.#answer(ask, this.#options.clock.now_ms())));
  }

  apply(entries: readonly (Applied & ApplyContext)[]): Promise<ApplyResult[]> {
    return Promise.resolve(entries.map((entry) => applyEntry(this.#state, entry, this.#options.clock.now_ms())));
  }

  expired(count_max: number): Promise<ExpiredHold[]> {
    const now_ms = this.#options.clock.now_ms();
    const holds = [...this.#state.tenants].flatMap(([tenant, { holds: open }]) =>
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
        const sums = this.#state.tenant(tenant).counters.get(counterKeyName(counter), now_ms);
        return { counter, reserved_nusd: sums?.reserved_nusd ?? 0, settled_nusd: sums?.settled_nusd ?? 0 };
      }),
    );
  }

  tripped(tenant: string): Promise<Trip | undefined> {
    return Promise.resolve(this.#state.tenant(tenant).trip);
  }

  resume(tenant: string): Promise<boolean> {
    const state = this.#state.tenant(tenant);
    const was = state.trip !== undefined;
    state.trip = undefined;
    state.velocity = undefined;
    return Promise.resolve(was);
  }

  epoch(): Promise<string | undefined> {
    return Promise.resolve(this.#state.epoch);
  }

  begin({ if_lost = false }: { readonly if_lost?: boolean } = {}): Promise<Restoring | undefined> {
    const now_ms = this.#options.clock.now_ms();
    if (this.#lock !== undefined && this.#lock.until_ms > now_ms) return Promise.resolve(undefined);
    const ended_life = this.#state.epoch !== undefined;
    if (if_lost && ended_life) return Promise.resolve(undefined);
    const token = {};
    this.#lock = { token, until_ms: now_ms + (this.#options.lock_ttl_ms ?? LOCK_TTL_MS) };
    this.#state.epoch = undefined;
    const isMine = () => this.#lock?.token === token && this.#lock.until_ms > this.#options.clock.now_ms();
    return Promise.resolve({
      ended_life,
      finish: async (snapshot: Snapshot) => {
        if (!isMine()) {
          throw new SluiceError("dependency_unavailable", "another restores the counters", { retryable: true });
        }
        this.#lock = undefined;
        return this.#restore(snapshot);
      },
      abandon: async () => {
        if (isMine()) this.#lock = undefined;
      },
    });
  }

  /** Everything is gone, as after `FLUSHALL`. */
  lose(): void {
    this.#state = new MemoryState(this.#options);
    this.#lock = undefined;
  }

  /** Lets go of what has ended: for whoever keeps a store through days of (virtual) time. */
  forgetEnded(): void {
    const now_ms = this.#options.clock.now_ms();
    for (const tenant of this.#state.tenants.values()) tenant.forgetEnded(now_ms);
  }

  /** Whether there are counters now. */
  get lives(): boolean {
    return this.#state.epoch !== undefined;
  }

  /** All sums. */
  counters(): (CounterSums & { readonly tenant: string })[] {
    const now_ms = this.#options.clock.now_ms();
    return [...this.#state.tenants].flatMap(([tenant, { counters }]) =>
      counters.values(now_ms).map(({ ref, reserved_nusd, settled_nusd }) => {
        return { tenant, counter: ref, reserved_nusd, settled_nusd };
      }),
    );
  }

  #answer(ask: Ask, now_ms: number): Answer {
    const epoch = this.#state.epoch;
    if (epoch === undefined) return { kind: "lost" };
    const { id, needs } = ask;
    const tenant = this.#state.tenant(ask.tenant);
    const known = tenant.identify(ask, epoch, now_ms);
    if (known !== undefined && known.kind !== "key_taken") return known;
    const seen = { content_hash: ask.content_hash, place: ask.place, settled: false };
    const seen_until_ms = now_ms + this.#options.seen_ttl_ms;
    const isNew = tenant.seen.get(id, now_ms) === undefined;
    if (isNew) tenant.seen.set(id, seen, seen_until_ms);
    if (known !== undefined) return known;
    if (needs === undefined) return { kind: "known", id };
    const { refusal, reserved_nusd } = this.#judge(ask.tenant, needs, now_ms);
    if (refusal === undefined || ask.defers) this.#takeKey(ask, now_ms);
    if (refusal !== undefined) {
      tenant.refusals.set(id, { refusal, turn: ask.turn }, now_ms + REFUSAL_TTL_MS);
      return { kind: "refused", id, refusal };
    }
    tenant.refusals.delete(id);
    tenant.seen.set(id, seen, seen_until_ms);
    return this.#admit(ask, { ...needs, reserved_nusd }, epoch, now_ms);
  }

  #takeKey(ask: Ask, now_ms: number): void {
    if (ask.idempotency === undefined) return;
    const { id, content_hash } = ask;
    const until_ms = now_ms + this.#options.idempotency_ttl_ms;
    this.#state.tenant(ask.tenant).keys.set(ask.idempotency, { id, content_hash }, until_ms);
  }

  /** The first check that fails, and what is to be reserved: what a budget has no room for is asked of it at its lower price. */
  #judge(
    tenant: string,
    needs: Needs,
    now_ms: number,
  ): { readonly refusal: Refusal | undefined; readonly reserved_nusd: number } {
    const { reserved_nusd, lower_nusd } = needs;
    const refusal = this.#refusal(tenant, needs, now_ms);
    if (refusal?.reason !== "budget" || lower_nusd === undefined) return { refusal, reserved_nusd };
    const lower = { ...needs, reserved_nusd: lower_nusd };
    return { refusal: this.#budgetRefusal(tenant, lower, now_ms), reserved_nusd: lower_nusd };
  }

  /** The first check that fails. */
  #refusal(tenant: string, needs: Needs, now_ms: number): Refusal | undefined {
    const state = this.#state.tenant(tenant);
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
      const refusal = this.#state.ratesOf(tenant, ask).quotaRefusal(ask, now_ms);
      if (refusal !== undefined) return refusal;
    }
    for (const ask of rates) {
      const refusal = this.#state.ratesOf(tenant, ask).rateRefusal(ask, needs.tokens, now_ms);
      if (refusal !== undefined) return refusal;
    }
    return this.#budgetRefusal(tenant, needs, now_ms);
  }

  #budgetRefusal(tenant: string, needs: Needs, now_ms: number): Refusal | undefined {
    const needed = needs.reserved_nusd;
    for (const ref of countersOf(needs, now_ms)) {
      const limit = needs.caps_nusd[ref.scope];
      if (limit === undefined) continue;
      const sums = this.#state.tenant(tenant).counters.get(counterKeyName(ref), now_ms);
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
      const rates = this.#state.ratesOf(tenant, rate);
      const as = rates.charge(rate, tokens, now_ms);
      if (as !== undefined) charged.set(rates, as);
      room = tighterRoom(room, rates.room(rate, now_ms));
    }
    this.#state.tenant(tenant).holds.set(id, { reservation, expires_ms, charged });
    const moved = { reserved_nusd, settled_nusd: 0 };
    const crossings = this.#state.move(tenant, counters, moved, needs.caps_nusd, now_ms);
    return { kind: "admitted", id, reservation, epoch, room, crossings };
  }

  #restore(snapshot: Snapshot): string {
    this.#names += 1;
    const epoch = `e${this.#names}`;
    this.#state.restore(snapshot, epoch, this.#options.clock.now_ms());
    return epoch;
  }
}
