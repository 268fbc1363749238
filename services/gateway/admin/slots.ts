/**
 * Results of the last hour in slots of ten seconds: what is known, and what is to be read next. A slot that has ended is read a few more
 * times, for results that are written down late, and then never again. Pure but for its own slots.
 */
import type { Span } from "./overview-shape.ts";

export const SLOT_MS = 10_000;
/** Latencies are counted by classes, each so much wider than the one below. */
export const CLASS_GROWTH = 1.05;

const MINUTE_MS = 60_000;
const SLOTS_A_MINUTE = MINUTE_MS / SLOT_MS;
/** The hour, and the minute that it begins in. */
const KEPT_SLOTS = 61 * SLOTS_A_MINUTE;
/** Read at once. */
const READ_SLOTS_MAX = 10 * SLOTS_A_MINUTE;
/** Results come to their rows so late, as a rule. */
const LATE_SLOTS = 3;
/** And so late at times: looked at again so often. */
const VERY_LATE_SLOTS = 5 * SLOTS_A_MINUTE;
const VERY_LATE_EVERY_MS = 30_000;

/** Results of one slot that are alike, summed. */
export type SlotRow = {
  /** Epoch ms divided by `SLOT_MS`, down to a whole number. */
  readonly slot: number;
  readonly status: string;
  /** Empty where the cache had no part. */
  readonly cache: string;
  /** Of the latency in ms, to the base of `CLASS_GROWTH`; null for what did not succeed. */
  readonly class: number | null;
  readonly requests: number;
  readonly cost_usd: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
};

/** Slots: from, and before. */
export type SlotRange = { readonly from: number; readonly to: number };

export class SlotRing {
  readonly #rows = new Map<number, readonly SlotRow[]>();
  /** Slots that were read, without a gap. */
  #known: SlotRange | undefined;
  #very_late_read_ms = 0;

  /** What is to be read now: what is new, and a stretch of what is missing of the hour. */
  wanted(now_ms: number): readonly SlotRange[] {
    const to = slotOf(now_ms) + 1;
    const known = this.#known;
    if (known === undefined || to - known.to > READ_SLOTS_MAX) {
      return [{ from: to - READ_SLOTS_MAX, to }];
    }
    const again = now_ms - this.#very_late_read_ms >= VERY_LATE_EVERY_MS ? VERY_LATE_SLOTS : LATE_SLOTS;
    const fresh = { from: Math.max(known.from, known.to - again), to };
    const oldest = to - KEPT_SLOTS;
    if (known.from <= oldest) return [fresh];
    return [fresh, { from: Math.max(oldest, known.from - READ_SLOTS_MAX), to: known.from }];
  }

  /** @param range as `wanted` named it. @param rows all that there is in it. */
  put(range: SlotRange, rows: readonly SlotRow[], now_ms: number): void {
    const by_slot = Map.groupBy(rows, ({ slot }) => slot);
    for (let slot = range.from; slot < range.to; slot += 1) this.#rows.set(slot, by_slot.get(slot) ?? []);
    if (range.to - range.from >= VERY_LATE_SLOTS && range.to > slotOf(now_ms)) this.#very_late_read_ms = now_ms;
    const known = this.#known;
    const is_next = known !== undefined && range.from <= known.to && range.to >= known.from;
    this.#known = is_next ? { from: Math.min(known.from, range.from), to: Math.max(known.to, range.to) } : range;
    const oldest = this.#known.to - KEPT_SLOTS;
    for (const slot of [...this.#rows.keys()]) {
      if (slot < Math.max(oldest, this.#known.from)) this.#rows.delete(slot);
    }
    this.#known = { from: Math.max(oldest, this.#known.from), to: this.#known.to };
  }

  /** Whole minutes that were read, the oldest first. */
  minutes(now_ms: number): (Span & { readonly at_ms: number })[] {
    const known = this.#known;
    if (known === undefined) return [];
    const first = Math.ceil(known.from / SLOTS_A_MINUTE);
    const end = Math.min(Math.floor(slotOf(now_ms) / SLOTS_A_MINUTE), Math.floor(known.to / SLOTS_A_MINUTE));
    return Array.from({ length: Math.max(0, end - first) }, (_, at) => {
      const minute = first + at;
      const from = minute * SLOTS_A_MINUTE;
      return { at_ms: minute * MINUTE_MS, ...this.#sum({ from, to: from + SLOTS_A_MINUTE }) };
    });
  }

  /** The last six slots that have ended, and the one that has not. */
  recent(now_ms: number): Span & { readonly over_ms: number } {
    const slot = slotOf(now_ms);
    const from = slot - SLOTS_A_MINUTE;
    return { over_ms: now_ms - from * SLOT_MS, ...this.#sum({ from, to: slot + 1 }) };
  }

  /** True once the whole hour was read. */
  complete(now_ms: number): boolean {
    return this.#known !== undefined && this.#known.from <= slotOf(now_ms) + 1 - KEPT_SLOTS;
  }

  #sum({ from, to }: SlotRange): Span {
    const by_status: Record<string, number> = {};
    const by_cache: Record<string, number> = {};
    const classes = new Map<number, number>();
    const sums = { cost_usd: 0, prompt_tokens: 0, completion_tokens: 0 };
    for (let slot = from; slot < to; slot += 1) {
      for (const row of this.#rows.get(slot) ?? []) {
        by_status[row.status] = (by_status[row.status] ?? 0) + row.requests;
        if (row.cache !== "") by_cache[row.cache] = (by_cache[row.cache] ?? 0) + row.requests;
        if (row.class !== null) classes.set(row.class, (classes.get(row.class) ?? 0) + row.requests);
        sums.cost_usd += row.cost_usd;
        sums.prompt_tokens += row.prompt_tokens;
        sums.completion_tokens += row.completion_tokens;
      }
    }
    return { by_status, by_cache, ...sums, latency_ms: quantilesOf(classes) };
  }
}

function slotOf(at_ms: number): number {
  return Math.floor(at_ms / SLOT_MS);
}

function quantilesOf(classes: ReadonlyMap<number, number>): Span["latency_ms"] {
  const sorted = [...classes].sort(([one], [other]) => one - other);
  const total = sorted.reduce((sum, [, requests]) => sum + requests, 0);
  if (total === 0) return null;
  const quantile = (part: number): number => {
    const rank = Math.ceil(part * total);
    let seen = 0;
    for (const [at, requests] of sorted) {
      seen += requests;
      if (seen >= rank) return Math.round(CLASS_GROWTH ** (at + 0.5));
    }
    return 0;
  };
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
}
