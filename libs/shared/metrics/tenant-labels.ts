/** Metrics of tenants, with a bounded number of labels: the tenants that use most have one each, the others are one. */
import type { Counter } from "prom-client";
import { TopNames } from "./top-names.ts";

export class TenantLabels {
  readonly #top: TopNames;
  /** Forgets what is shown of a tenant. */
  readonly #forget: (tenant: string) => void;

  /** @param tenants_max `observation.tenants_max`. @param forget told of a tenant that has no label of its own any more. */
  constructor(tenants_max: number, forget: (tenant: string) => void) {
    this.#top = new TopNames(tenants_max);
    this.#forget = forget;
  }

  /** @param used its weight among tenants, above 0. @returns the label for it. */
  of(tenant: string, used: number): string {
    const { label, lost } = this.#top.add(tenant, used);
    if (lost !== undefined) this.#forget(lost);
    return label;
  }

  /** Tenants that have a label of their own. */
  get labelled(): ReadonlySet<string> {
    return this.#top.labelled;
  }
}

/** Takes away all that a counter shows of a tenant. */
export async function forgetTenant(counter: Counter<string>, tenant: string): Promise<void> {
  const { values } = await counter.get();
  for (const { labels } of values) if (labels["tenant"] === tenant) counter.remove(labels);
}
