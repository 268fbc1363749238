/** Gathers what is known of a request and explains it. Only Postgres has to be there: what else is away is left out, and said so. */
import type { ResolvedPlan } from "../budgets/plan.ts";
import { capsOf } from "../budgets/plan.ts";
import { countersOf } from "../budgets/scopes.ts";
import type { TenantCounters } from "../budgets/store-options.ts";
import { ID_PATTERN, TENANT_PATTERN } from "../events/fields.ts";
import { usdOf } from "../money.ts";
import type { Pool } from "../postgres/client.ts";
import type { RedisClient } from "../redis/client.ts";
import type { Explanation, LetterView, ScopeNow } from "./explanation.ts";
import type { Found, FoundLive, FoundRecords, FoundRow } from "./found.ts";
import { findLive } from "./live.ts";
import { findRecords, type RecordsDeps } from "./records.ts";
import { findDeliveries, findHandled, findRow, findRuns } from "./rows.ts";
import { explanationOf } from "./timeline.ts";

export type ExplainDeps = RecordsDeps & {
  readonly pool: Pool;
  readonly redis: RedisClient;
  /** What the tenant may have, as it is now; undefined for one that nobody made. */
  readonly planOf: (tenant: string) => ResolvedPlan | undefined;
  readonly counters: Pick<TenantCounters, "read">;
};

/** The longest that topics are looked at. */
const TOPICS_MS_MAX = 8_000;
const NO_RECORDS: FoundRecords = { result: undefined, ledger: [], letters: [] };

/**
 * @returns undefined for an id that nobody knows (any more).
 * @throws retryable while Postgres is away.
 */
export async function explain(deps: ExplainDeps, tenant: string, id: string): Promise<Explanation | undefined> {
  if (!ID_PATTERN.test(id) || !TENANT_PATTERN.test(tenant)) return undefined;
  const notes: string[] = [];
  const tried = async <T>(what: string, work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch {
      notes.push(`${what} could not be read just now`);
      return otherwise;
    }
  };
  const [row, live] = await Promise.all([
    findRow(deps.pool, tenant, id),
    tried<FoundLive | undefined>("Redis", () => findLive(deps.redis, tenant, id), undefined),
  ]);
  // An id that nobody has heard of is not looked for on topics.
  if (row === undefined && live?.view === undefined && live?.seen === undefined) return undefined;
  const [records, deliveries, runs, scopes] = await Promise.all([
    tried("Kafka", () => within(TOPICS_MS_MAX, recordsOf(deps, { tenant, id, row, live })), NO_RECORDS),
    findDeliveries(deps.pool, tenant, id),
    findRuns(deps.pool, tenant, id),
    tried("the counters of budgets", () => scopesOf(deps, tenant, row), []),
  ]);
  const found: Found = { tenant, id, row, live, records, deliveries, runs, scopes, notes };
  return explanationOf(deps.names, found);
}

type Known = {
  readonly tenant: string;
  readonly id: string;
  readonly row: FoundRow | undefined;
  readonly live: FoundLive | undefined;
};

async function recordsOf(deps: ExplainDeps, { tenant, id, row, live }: Known): Promise<FoundRecords> {
  const { received, admitted, completed } = row?.result.timing ?? {};
  const place = live?.seen?.place;
  const seen = place === undefined ? undefined : `${place.topic} ${place.partition} ${place.offset}`;
  const found = await findRecords(deps, {
    tenant,
    id,
    origin: row?.origin?.split(" ").slice(0, 3).join(" ") ?? seen,
    outcome: row?.outcome,
    admitted_ms: admitted ?? row?.kept?.reservation?.at_ms,
    received_ms: received ?? live?.received_ms,
    completed_ms: completed,
  });
  return { ...found, letters: await withHandling(deps, found.letters) };
}

async function withHandling({ pool, names }: ExplainDeps, letters: readonly LetterView[]): Promise<LetterView[]> {
  const handled = await findHandled(pool, names.dlq, letters);
  return letters.map((letter) => {
    const done = handled.get(`${letter.partition}:${letter.offset}`);
    if (done === undefined) return letter;
    return { ...letter, action: done.action, ...(done.target === null ? {} : { target: done.target }) };
  });
}

/** Of what was held for it; without a hold, of the tenant as it is now. */
async function scopesOf(
  { counters, planOf }: ExplainDeps,
  tenant: string,
  row: FoundRow | undefined,
): Promise<ScopeNow[]> {
  const { reservation } = row?.kept ?? {};
  const { completed, received } = row?.result.timing ?? {};
  const at_ms = completed ?? received;
  const refs =
    reservation?.counters ?? (at_ms === undefined ? [] : countersOf({ user: row?.user ?? undefined }, at_ms));
  const plan = planOf(tenant);
  const caps = plan === undefined ? {} : capsOf(plan);
  const sums = await counters.read(tenant, refs);
  return sums.map(({ counter, reserved_nusd, settled_nusd }) => {
    const { scope, subject, window } = counter;
    const cap_nusd = caps[scope];
    const cap_usd = cap_nusd === undefined ? null : usdOf(cap_nusd);
    return { scope, subject, window, cap_usd, reserved_usd: usdOf(reserved_nusd), settled_usd: usdOf(settled_nusd) };
  });
}

async function within<T>(wait_ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${wait_ms} ms`)), wait_ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // Its own end comes later, and is nobody's business any more.
    work.catch(() => undefined);
  }
}
