/** What checks and reports of the last day said of semantic hits, folded from `llm.shadow`. Pure. */
import type { ShadowEvent } from "../../../libs/shared/events/shadow.ts";

export type WrongHitSeen = {
  readonly tenant: string;
  /** The request that was answered wrongly. */
  readonly id: string;
  readonly entry_id: string | null;
  readonly probability: number | null;
  readonly at_ms: number;
  /** `reported`: by a person. */
  readonly differs_by: string | null;
};

export type CheckCounts = {
  /** Hits that were asked again for real, and of those: that had been wrong. */
  readonly checked: number;
  readonly wrong: number;
  /** `wrong / checked`; null where nothing was checked. Reports are no sample: they do not count in it. */
  readonly false_hit_rate: number | null;
  readonly reported: number;
};

type Sums = { checked: number; wrong: number; reported: number };

const HOUR_MS = 3_600_000;
const HOURS_KEPT = 24;
const WRONG_MAX = 50;
const TENANTS_MAX = 10_000;
/** As reports of wrong hits say it (`wrong-hits.ts`). */
const REPORTED = "reported";

export class CacheChecks {
  /** By hour, then tenant. */
  readonly #hours = new Map<number, Map<string, Sums>>();
  #wrong: WrongHitSeen[] = [];

  add(event: ShadowEvent): void {
    const { kind, shadow, at_ms } = event;
    if (kind !== "comparison" || shadow.kind !== "cache_check") return;
    const { tenant, id, entry_id = null, probability = null } = shadow;
    const sums = this.#sumsOf(at_ms, tenant);
    const is_report = event.differs_by === REPORTED;
    if (is_report) sums.reported += 1;
    else sums.checked += 1;
    if (event.same) return;
    if (!is_report) sums.wrong += 1;
    const seen = { tenant, id, entry_id, probability, at_ms, differs_by: event.differs_by ?? null };
    this.#wrong = [seen, ...this.#wrong].slice(0, WRONG_MAX);
  }

  /** Of the last day. @param tenant of one tenant alone. */
  counts(now_ms: number, tenant?: string): CheckCounts {
    const all = { checked: 0, wrong: 0, reported: 0 };
    for (const [hour, tenants] of this.#hours) {
      if (hour * HOUR_MS <= now_ms - (HOURS_KEPT + 1) * HOUR_MS) continue;
      for (const [name, sums] of tenants) {
        if (tenant !== undefined && name !== tenant) continue;
        all.checked += sums.checked;
        all.wrong += sums.wrong;
        all.reported += sums.reported;
      }
    }
    return { ...all, false_hit_rate: all.checked === 0 ? null : all.wrong / all.checked };
  }

  /** The latest first, of the last day. */
  wrong(now_ms: number): readonly WrongHitSeen[] {
    return this.#wrong.filter(({ at_ms }) => at_ms > now_ms - HOURS_KEPT * HOUR_MS);
  }

  #sumsOf(at_ms: number, tenant: string): Sums {
    const hour = Math.floor(at_ms / HOUR_MS);
    const tenants = this.#hours.get(hour) ?? new Map<string, Sums>();
    this.#hours.set(hour, tenants);
    for (const old of this.#hours.keys()) if (old < hour - HOURS_KEPT - 1) this.#hours.delete(old);
    // Beyond the bound tenants are counted together, under a name that none can have.
    const name = tenants.has(tenant) || tenants.size < TENANTS_MAX ? tenant : "";
    const sums = tenants.get(name) ?? { checked: 0, wrong: 0, reported: 0 };
    tenants.set(name, sums);
    return sums;
  }
}
