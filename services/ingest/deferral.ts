/** Which refused requests wait for room instead, until when, and in what order. Pure. */
import type { Refusal } from "../../libs/shared/budgets/admission-store.ts";
import type { AdmissionSettings } from "../../libs/shared/config/plans.ts";
import { DEADLINE_HEADER, DUE_HEADER, TENANT_HEADER } from "../../libs/shared/events/headers.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";

export type DeferralFacts = {
  readonly refusal: Refusal;
  /** What the request asks for; left out: what is of the batch lane waits. */
  readonly on_limit?: "reject" | "defer" | undefined;
  readonly lane: "interactive" | "batch";
  /** Epoch ms. */
  readonly deadline_ms?: number | undefined;
  readonly now_ms: number;
  readonly settings: AdmissionSettings["deferred"];
  /** Of the last one in the row of those that wait for the same (`Deferrals`): it is asked first. */
  readonly last_due_ms?: number | undefined;
};

export type Deferral = {
  /** Epoch ms at which it is asked again. */
  readonly due_ms: number;
};

/** @returns undefined where it is refused for good: nobody waits for it, waiting does not help, or not before its deadline. */
export function deferOf(facts: DeferralFacts): Deferral | undefined {
  const { refusal, on_limit, lane, deadline_ms = Number.POSITIVE_INFINITY, now_ms, settings, last_due_ms } = facts;
  const defers = on_limit === undefined ? lane === "batch" : on_limit === "defer";
  if (!defers || refusal.retry_after_ms === undefined) return undefined;
  const fits_ms = now_ms + Math.max(refusal.retry_after_ms, settings.wait_ms_min);
  const turn_ms = last_due_ms === undefined ? 0 : last_due_ms + pace_ms(refusal);
  const due_ms = Math.ceil(Math.min(Math.max(fits_ms, turn_ms), now_ms + settings.wait_ms_max));
  return Math.max(due_ms, fits_ms) < deadline_ms ? { due_ms } : undefined;
}

const MINUTE_MS = 60_000;
/** So much of a limit on requests can be used at least: who is asked at this pace is let in, and keeps its turn. */
const USABLE_PART = 0.98;
/** Tokens are charged by an upper bound, and what is not used comes back: so many times as many may fit. */
const TOKENS_RETURNED = 4;
/** Nobody knows when a request in flight ends. */
const IN_FLIGHT_PACE_MS = 20;

/**
 * Between two that wait for the same: as long as the limit takes to let one more in, so that a long row is not asked again and again
 * all at once. Of what is freed at one moment (a day's budget or quota) the order counts alone.
 */
function pace_ms({ reason, limit, needed }: Refusal): number {
  if (reason === "rate_requests") return Math.max(1, MINUTE_MS / (USABLE_PART * Math.max(1, limit)));
  if (reason === "rate_tokens") return Math.max(1, (MINUTE_MS * needed) / (TOKENS_RETURNED * Math.max(1, limit)));
  return reason === "in_flight" ? IN_FLIGHT_PACE_MS : 1;
}

/** Rows remembered: beyond, those not added to for longest are forgotten, and order is lost there at the most. */
export const ROWS_MAX = 10_000;

/** Whose limits a request meets. */
export type Subjects = {
  readonly tenant: string;
  readonly session?: string | undefined;
  readonly user?: string | undefined;
  readonly key_id?: string | undefined;
};

/**
 * The rows of requests that wait for the same thing: who was deferred first is asked first. One that is refused again goes to the end
 * of its row. Of one process; only a view: without it all are asked when they may fit, in any order.
 */
export class Deferrals {
  /** Row to the due time of its last. */
  readonly #rows = new Map<string, number>();

  /** As `deferOf`, behind those that wait for the same already. */
  defer(subjects: Subjects, facts: Omit<DeferralFacts, "last_due_ms">): Deferral | undefined {
    const row = rowOf(subjects, facts.refusal);
    const last_due_ms = this.#rows.get(row);
    const deferral = deferOf(last_due_ms === undefined ? facts : { ...facts, last_due_ms });
    if (deferral !== undefined) this.#note(row, Math.max(deferral.due_ms, last_due_ms ?? 0));
    return deferral;
  }

  get rows(): number {
    return this.#rows.size;
  }

  #note(row: string, due_ms: number): void {
    this.#rows.delete(row);
    this.#rows.set(row, due_ms);
    if (this.#rows.size <= ROWS_MAX) return;
    const [oldest] = this.#rows.keys();
    if (oldest !== undefined) this.#rows.delete(oldest);
  }
}

function rowOf({ tenant, session, user, key_id }: Subjects, { reason, scope }: Refusal): string {
  if (scope === "global") return `${reason} global`;
  const subjects: Readonly<Record<string, string | undefined>> = { session, user, user_day: user, key: key_id };
  return `${tenant} ${reason} ${scope} ${subjects[scope] ?? ""}`;
}

/**
 * The record for `llm.deferred`.
 * @param source the key, and the headers that travel with the request, its origin among them.
 * @param request the request's JSON as it came.
 */
export function deferredRecord(
  names: TopicNames,
  source: Pick<OutRecord, "key" | "headers">,
  request: Buffer,
  about: { readonly tenant: string; readonly deadline_ms?: number | undefined; readonly due_ms: number },
): OutRecord {
  const { tenant, deadline_ms, due_ms } = about;
  const headers = {
    ...source.headers,
    [TENANT_HEADER]: tenant,
    ...(deadline_ms === undefined ? {} : { [DEADLINE_HEADER]: String(deadline_ms) }),
    [DUE_HEADER]: String(due_ms),
  };
  return { topic: names.deferred, key: source.key, value: request, headers };
}
