/** What the scenarios ask, in the shapes and lengths that ingest asks it in. Pure. */
import type { Answer, Ask, Needs, RateAsk } from "../../libs/shared/budgets/admission-store.ts";
import type { Reservation, UsageEntry } from "../../libs/shared/events/usage.ts";

const HOLD_MS = 26 * 3_600_000;
const IDEMPOTENCY_HASH_CHARS = 22;
/** Under which none is refused. */
const AMPLE_REQUESTS = 1_000_000_000;
const AMPLE_TOKENS = 1_000_000_000_000;
const AMPLE_NUSD = 1_000_000_000_000_000;
const TENANTS = 100;
const USERS_PER_TENANT = 20;
const PARTITIONS = 8;
const RESERVED_NUSD = 5_000_000;
const TOKENS = 800;

/** As long as a UUID. */
export function idOf(at: number): string {
  return `00000000-0000-7000-8000-${at.toString(16).padStart(12, "0")}`;
}

/** A new request, without needs. */
export function newAsk(tenant: string, at: number): Omit<Ask, "needs"> {
  return {
    tenant,
    id: idOf(at),
    has_own_id: true,
    content_hash: at.toString(16).padStart(64, "0"),
    place: `llm.requests ${at % PARTITIONS} ${Math.floor(at / PARTITIONS)}`,
    reentry: false,
  };
}

const tenantOf = (at: number): string => `tenant-${at % TENANTS}`;

/** With an idempotency key, under no limit and no cap: what it leaves behind once it has settled is the same. */
export function bareAsk(at: number, now_ms: number): Ask {
  const idempotency = at.toString(36).padStart(IDEMPOTENCY_HASH_CHARS, "0");
  const needs = {
    reserved_nusd: RESERVED_NUSD,
    tokens: TOKENS,
    caps_nusd: {},
    rates: [],
    expires_ms: now_ms + HOLD_MS,
  };
  return { ...newAsk(tenantOf(at), at), idempotency, needs };
}

/** Under limits of requests and tokens in every scope, a cap in every budget, and one on requests in flight; with room in all. */
export function fullAsk(at: number, now_ms: number): Ask {
  const tenant = tenantOf(at);
  const user = `user-${Math.floor(at / TENANTS) % USERS_PER_TENANT}@example.com`;
  const needs: Needs = {
    reserved_nusd: RESERVED_NUSD,
    tokens: TOKENS,
    session: `session of ${user}`,
    user,
    caps_nusd: { session: AMPLE_NUSD, user_day: AMPLE_NUSD, tenant_day: AMPLE_NUSD, tenant_month: AMPLE_NUSD },
    rates: [ample("global", ""), ample("tenant", ""), ample("user", user), ample("key", `key of ${tenant}`)],
    in_flight_max: AMPLE_REQUESTS,
    expires_ms: now_ms + HOLD_MS,
  };
  return { ...newAsk(tenant, at), needs };
}

function ample(scope: RateAsk["scope"], subject: string): RateAsk {
  return {
    scope,
    subject,
    requests_per_minute: AMPLE_REQUESTS,
    tokens_per_minute: AMPLE_TOKENS,
    algorithm: "sliding_window",
    burst_s: 10,
  };
}

/** What ends an admitted request. */
export function settledEntry(ask: Ask, reservation: Reservation, used_tokens: number): UsageEntry {
  const { hold_id, reserved_nusd, counters, at_ms, tokens } = reservation;
  return {
    kind: "settled",
    tenant: ask.tenant,
    id: ask.id,
    hold_id,
    at_ms,
    reserved_nusd,
    settled_nusd: Math.floor(reserved_nusd / 2),
    counters,
    cause: "result",
    tokens: { reserved: tokens, used: used_tokens },
  };
}

/** @throws where one was not admitted: the scenario would measure something else. */
export function reservations(answers: readonly Answer[]): Reservation[] {
  return answers.map((answer) => {
    if (answer.kind !== "admitted") throw new Error(`an ask was not admitted: ${JSON.stringify(answer)}`);
    return answer.reservation;
  });
}
