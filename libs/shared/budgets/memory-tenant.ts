/** What memory keeps of one tenant, and what its identities and sums say. Time is an argument. */

import type { Reservation } from "../events/usage.ts";
import type { Answer, Ask, Refusal } from "./admission-store.ts";
import type { Told } from "./crossings.ts";
import type { ChargedAs, MemoryRates } from "./memory-rates.ts";
import type { CounterRef } from "./scopes.ts";
import type { SlotWindow } from "./slot-window.ts";
import type { Trip } from "./store-options.ts";

type Lasting<T> = { readonly value: T; readonly until_ms: number };

/** A map whose entries end. */
class LastingMap<T> {
  readonly #entries = new Map<string, Lasting<T>>();

  get(key: string, now_ms: number): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until_ms > now_ms) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: T, until_ms: number): void {
    this.#entries.set(key, { value, until_ms });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  forgetEnded(now_ms: number): void {
    for (const [key, { until_ms }] of this.#entries) if (until_ms <= now_ms) this.#entries.delete(key);
  }

  values(now_ms: number): T[] {
    return [...this.#entries.values()].flatMap(({ value, until_ms }) => (until_ms > now_ms ? [value] : []));
  }
}

export type Counter = { readonly ref: CounterRef; reserved_nusd: number; settled_nusd: number; told: Told | undefined };

export type Hold = {
  readonly reservation: Reservation;
  readonly expires_ms: number;
  /** What was charged for it, by the rate's name. */
  readonly charged: ReadonlyMap<MemoryRates, ChargedAs>;
};

export type Seen = { readonly content_hash: string; readonly place: string; settled: boolean };

export class MemoryTenant {
  readonly counters = new LastingMap<Counter>();
  readonly holds = new Map<string, Hold>();
  readonly refusals = new LastingMap<{ readonly refusal: Refusal; readonly turn: string | undefined }>();
  readonly seen = new LastingMap<Seen>();
  readonly keys = new LastingMap<{ readonly id: string; readonly content_hash: string }>();
  velocity: SlotWindow | undefined;
  trip: Trip | undefined;

  /** Who the ask is, where that decides it; undefined when the limits have to. */
  identify(ask: Ask, epoch: string, now_ms: number): Answer | undefined {
    const { id } = ask;
    const seen = this.seen.get(id, now_ms);
    if (seen !== undefined) {
      if (seen.content_hash !== ask.content_hash) return { kind: "conflict", id };
      const is_repeat = seen.place !== ask.place && !ask.reentry;
      if (seen.settled || is_repeat) return { kind: "repeated", id };
      const hold = this.holds.get(id);
      if (hold !== undefined) return { kind: "redelivered", id, reservation: hold.reservation, epoch };
      const { refusal, turn } = this.refusals.get(id, now_ms) ?? {};
      const binds = !ask.reentry || (ask.turn !== undefined && turn === ask.turn);
      if (refusal !== undefined && binds) return { kind: "refused", id, refusal };
    }
    const first = ask.idempotency === undefined ? undefined : this.keys.get(ask.idempotency, now_ms);
    if (first === undefined) return undefined;
    const same_content = first.content_hash === ask.content_hash;
    if (same_content && first.id === id) return undefined;
    if (same_content && !ask.has_own_id) return { kind: "repeated", id: first.id };
    return { kind: "key_taken", id, first_id: first.id, same_content };
  }

  /** What has ended goes at once, and not when it is next asked for. */
  forgetEnded(now_ms: number): void {
    for (const map of [this.counters, this.refusals, this.seen, this.keys]) map.forgetEnded(now_ms);
  }

  /** The life of the counters ends; what was seen and what is stopped outlives it. */
  forgetLife(): void {
    this.counters.clear();
    this.holds.clear();
    this.refusals.clear();
  }
}
