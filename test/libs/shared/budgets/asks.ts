/** Asks, entries and stores for tests of admission counters. */
import type { Ask, Needs, RateAsk } from "../../../../libs/shared/budgets/admission-store.ts";
import type { AdmissionStoreOptions } from "../../../../libs/shared/budgets/store-options.ts";
import type { Reservation, UsageEntry } from "../../../../libs/shared/events/usage.ts";

const HOUR_MS = 3_600_000;

export const OPTIONS: AdmissionStoreOptions = {
  seen_ttl_ms: 24 * HOUR_MS,
  idempotency_ttl_ms: 24 * HOUR_MS,
  session_ttl_ms: 24 * HOUR_MS,
  alert_at: [0.5, 0.8, 0.95],
};

export const EMPTY_SNAPSHOT = { counters: [], holds: [], seen: [], rates: [], applied: new Map() };

export function rateOf(limits: Partial<RateAsk>): RateAsk {
  return { scope: "tenant", subject: "", algorithm: "sliding_window", burst_s: 10, ...limits };
}

export function needsOf(needs: Partial<Needs> = {}): Needs {
  return { reserved_nusd: 10, tokens: 5, caps_nusd: {}, rates: [], expires_ms: 9e12, ...needs };
}

/** An ask of its own place and content. */
export function askOf(id: string, ask: Partial<Ask> = {}, needs: Partial<Needs> | undefined = {}): Ask {
  return {
    tenant: "acme",
    id,
    has_own_id: true,
    content_hash: `hash-${id}`,
    place: `llm.requests 0 ${id}`,
    reentry: false,
    needs: needsOf(needs),
    ...ask,
  };
}

/** What ends (or, `reserved`, began) a hold. */
export function entryOf(
  kind: UsageEntry["kind"],
  id: string,
  reservation: Reservation,
  fields: Partial<UsageEntry> = {},
): UsageEntry {
  const { hold_id, reserved_nusd, counters, at_ms, tokens } = reservation;
  const settled_nusd = 0;
  const cause = { reserved: "admitted", settled: "result", released: "no_call", adjusted: "operator" } as const;
  return {
    kind,
    tenant: "acme",
    id,
    hold_id,
    at_ms,
    reserved_nusd,
    settled_nusd,
    counters,
    cause: cause[kind],
    tokens: { reserved: tokens },
    ...fields,
  };
}
