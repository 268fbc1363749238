/** The figures of checks and shadows, in Prometheus' terms. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { ShadowRun } from "../../../libs/shared/events/shadow.ts";
import type { RunEnd } from "./handler.ts";
import type { Thresholds } from "./thresholds.ts";

/** Tenants with figures of their own; all others share one label. */
const TENANTS_MAX = 50;
const OTHER = "other";

/** The first so many names that come keep theirs: a label never changes its meaning. */
export class BoundedLabels {
  readonly #max: number;
  readonly #known = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  of(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= this.#max) return OTHER;
    this.#known.add(name);
    return name;
  }
}

/** @returns what the comparing handler tells each run. */
export function observeComparisons(metrics: Registry): (run: ShadowRun, end: RunEnd) => void {
  const labels = new BoundedLabels(TENANTS_MAX);
  const checks = new Counter({
    name: "sluice_cache_checks_total",
    help: "Answers by meaning that were asked for real and compared, by whether both said the same",
    labelNames: ["tenant", "same"],
    registers: [metrics],
  });
  const shadows = new Counter({
    name: "sluice_shadow_total",
    help: "Runs for a comparison, by shadow (cache: of the cache's checks) and what became of them",
    labelNames: ["name", "outcome"],
    registers: [metrics],
  });
  return ({ shadow }, end) => {
    shadows.inc({ name: shadow.name, outcome: end });
    if (shadow.kind !== "cache_check" || (end !== "same" && end !== "different")) return;
    checks.inc({ tenant: labels.of(shadow.tenant), same: String(end === "same") });
  };
}

/** What each tenant's checks that count came to, and the threshold that follows. */
export function observeThresholds(metrics: Registry, thresholds: Thresholds): void {
  const labels = new BoundedLabels(TENANTS_MAX);
  new Gauge({
    name: "sluice_cache_false_hit_ratio",
    help: "Part of the checked answers by meaning that were wrong, of the checks that count",
    labelNames: ["tenant"],
    registers: [metrics],
    collect() {
      this.reset();
      for (const { tenant, checks, wrong } of thresholds.tenants()) {
        const label = labels.of(tenant);
        if (label !== OTHER && checks > 0) this.set({ tenant: label }, wrong / checks);
      }
    },
  });
  new Gauge({
    name: "sluice_cache_threshold",
    help: "Probability from which on an answer by meaning is given; 2 where none is",
    labelNames: ["tenant"],
    registers: [metrics],
    collect() {
      this.reset();
      for (const one of thresholds.tenants()) {
        const label = labels.of(one.tenant);
        if (label !== OTHER) this.set({ tenant: label }, one.threshold ?? NO_THRESHOLD);
      }
    },
  });
}

/** Above every probability. */
const NO_THRESHOLD = 2;
