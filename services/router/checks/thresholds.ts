/** Each tenant's threshold of the semantic cache: the fitted one, moved by the checks of its hits. */
import { LRUCache } from "lru-cache";
import type { Clock } from "../../../libs/shared/clock.ts";
import type { SemanticSettings } from "../../../libs/shared/config/cache.ts";
import type { ShadowComparison } from "../../../libs/shared/events/shadow.ts";
import { adaptedThreshold, type CheckedHit } from "./adapted-threshold.ts";

/** Checks are forgotten after a week: what was raised or ended by them is tried again as it was fitted. */
export const CHECKS_AGE_MS = 7 * 24 * 3_600_000;
/** Tenants kept at the most, those checked last. */
const TENANTS_MAX = 10_000;
/** How long a threshold stands before checks that have grown too old are looked for. */
const STANDS_MS = 60_000;

export type ThresholdsOptions = {
  /** What the verifier's calibration says for `max_error`. */
  readonly base: number | undefined;
  readonly settings: Pick<SemanticSettings, "max_error" | "checks">;
  readonly clock: Pick<Clock, "now_ms">;
};

type Check = CheckedHit & { readonly at_ms: number };
type Tenant = {
  /** By the request that was answered: a comparison told twice counts once, and wrong is wrong. */
  readonly checks: Map<string, Check>;
  threshold: number | undefined;
  /** Until then the threshold stands, unless a check comes. */
  stands_until_ms: number;
};

export class Thresholds {
  readonly #options: ThresholdsOptions;
  readonly #tenants = new LRUCache<string, Tenant>({ max: TENANTS_MAX });

  constructor(options: ThresholdsOptions) {
    this.#options = options;
  }

  /** From this probability on a candidate is a hit for the tenant; undefined where none is. */
  of(tenant: string): number | undefined {
    // A look is no check: it keeps nobody from being forgotten.
    const known = this.#tenants.peek(tenant);
    if (known === undefined) return this.#options.base;
    if (this.#options.clock.now_ms() >= known.stands_until_ms) this.#adapt(known);
    return known.threshold;
  }

  /** Comparisons in the order of `llm.shadow`; those of tiers are passed over. */
  add({ shadow, same, at_ms }: Pick<ShadowComparison, "shadow" | "same" | "at_ms">): void {
    const { kind, tenant, id, probability } = shadow;
    if (kind !== "cache_check" || probability === undefined) return;
    const known = this.#tenants.get(tenant) ?? {
      checks: new Map<string, Check>(),
      threshold: undefined,
      stands_until_ms: 0,
    };
    const before = known.checks.get(id);
    known.checks.set(id, { probability, same: same && before?.same !== false, at_ms: before?.at_ms ?? at_ms });
    if (known.checks.size > this.#options.settings.checks.window) {
      const oldest = known.checks.keys().next();
      if (!oldest.done) known.checks.delete(oldest.value);
    }
    known.stands_until_ms = 0;
    this.#tenants.set(tenant, known);
  }

  /** Of each tenant with checks: how many of them count, how many of them were wrong, and its threshold. */
  *tenants(): IterableIterator<{ tenant: string; checks: number; wrong: number; threshold: number | undefined }> {
    for (const [tenant, known] of this.#tenants.entries()) {
      if (this.#options.clock.now_ms() >= known.stands_until_ms) this.#adapt(known);
      const checks = [...known.checks.values()];
      yield {
        tenant,
        checks: checks.length,
        wrong: checks.filter(({ same }) => !same).length,
        threshold: known.threshold,
      };
    }
  }

  #adapt(known: Tenant): void {
    const { base, settings, clock } = this.#options;
    const now_ms = clock.now_ms();
    for (const [id, { at_ms }] of known.checks) if (now_ms - at_ms > CHECKS_AGE_MS) known.checks.delete(id);
    known.threshold = adaptedThreshold(base, [...known.checks.values()], {
      ...settings.checks,
      max_error: settings.max_error,
    });
    known.stands_until_ms = now_ms + STANDS_MS;
  }
}
