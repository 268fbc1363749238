/** What both stores of admission counters are told, and what they offer beside the port. Pure. */
import type { Settings } from "../config/schema.ts";
import type { CounterRef } from "./scopes.ts";

export type AdmissionStoreOptions = {
  /** An id is remembered so long after it was first seen or admitted. */
  readonly seen_ttl_ms: number;
  readonly idempotency_ttl_ms: number;
  /** A session's counter is kept so long after it last moved. */
  readonly session_ttl_ms: number;
  /** Parts of a cap, as in `admission.alert_at`. */
  readonly alert_at: readonly number[];
};

const HOUR_MS = 3_600_000;

/** As the settings say; a fold of the ledger keeps as much (`ledger-fold.ts`). */
export function storeOptions({ ingest, admission }: Pick<Settings, "ingest" | "admission">): AdmissionStoreOptions {
  return {
    seen_ttl_ms: ingest.seen_ttl_hours * HOUR_MS,
    idempotency_ttl_ms: admission.idempotency_ttl_hours * HOUR_MS,
    session_ttl_ms: admission.session_ttl_hours * HOUR_MS,
    alert_at: admission.alert_at,
  };
}

export type CounterSums = {
  readonly counter: CounterRef;
  readonly reserved_nusd: number;
  readonly settled_nusd: number;
};

/** A tenant that was stopped by its spend velocity. */
export type Trip = { readonly limit_nusd: number; readonly at_ms: number };

/** What an administrator asks of one tenant. */
export interface TenantCounters {
  /** Sums in the order of the counters; nought for one that has none. Read while the counters are lost, all are nought. */
  read(tenant: string, counters: readonly CounterRef[]): Promise<CounterSums[]>;
  tripped(tenant: string): Promise<Trip | undefined>;
  /** Ends the trip and forgets what led to it. @returns whether there was one. */
  resume(tenant: string): Promise<boolean>;
}

/** A refusal binds its record so long: a redelivery is refused again. */
export const REFUSAL_TTL_MS = 3_600_000;

/** Nobody knows when a request in flight ends: look again after so long. */
export const IN_FLIGHT_RETRY_MS = 1_000;
