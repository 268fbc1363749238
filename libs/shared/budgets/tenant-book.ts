/** Tenants as they stand on `llm.tenants`. Pure but for its own map; `tenant-reader.ts` keeps it up to date. */
import type { TenantChange } from "../events/tenant-records.ts";
import type { TenantRecord } from "../events/tenants.ts";

export class TenantBook {
  readonly #records = new Map<string, TenantRecord>();

  apply({ tenant, record }: TenantChange): void {
    if (record === undefined) this.#records.delete(tenant);
    else this.#records.set(tenant, record);
  }

  /** Undefined for a tenant of which only the settings file may know. */
  record(tenant: string): TenantRecord | undefined {
    return this.#records.get(tenant);
  }

  /** All that administrators made or changed. */
  records(): TenantRecord[] {
    return [...this.#records.values()];
  }
}
