/**
 * What is counted, and in which window: the counters of budgets. Pure.
 *
 * A counter holds two sums in whole nano-dollars, reserved and settled; their sum stays within its cap (I4). `request` has no
 * counter: a request is compared with the cap by itself.
 */
import { z } from "zod";

export const BUDGET_SCOPES = ["request", "session", "user_day", "tenant_day", "tenant_month"] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];

export const COUNTER_SCOPES = ["session", "user_day", "tenant_day", "tenant_month"] as const;
export type CounterScope = (typeof COUNTER_SCOPES)[number];

export const counterRefSchema = z.object({
  scope: z.enum(COUNTER_SCOPES),
  /** The session's or user's name; empty for the tenant itself. */
  subject: z.string(),
  /** `2026-11-21`, `2026-11`, or empty for a session. */
  window: z.string(),
});
export type CounterRef = z.infer<typeof counterRefSchema>;

/** The counter's name within its tenant: what Redis keys, ledger folds and tables are made of. */
export function counterName({ scope, subject, window }: CounterRef): string {
  return `${scope}:${window}:${subject}`;
}

const DAY_MS = 86_400_000;

/** UTC's day or month that holds the time; empty for a session. */
export function windowOf(scope: CounterScope, now_ms: number): string {
  if (scope === "session") return "";
  return new Date(now_ms).toISOString().slice(0, scope === "tenant_month" ? 7 : 10);
}

/** When the window's counter begins at nought again, epoch ms; undefined for a session. */
export function windowEnd_ms(scope: CounterScope, now_ms: number): number | undefined {
  if (scope === "session") return undefined;
  if (scope !== "tenant_month") return (Math.floor(now_ms / DAY_MS) + 1) * DAY_MS;
  const date = new Date(now_ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

export type Subjects = { readonly session?: string | undefined; readonly user?: string | undefined };

/** All counters that a request moves, capped or not: what is uncapped today may have a cap tomorrow. */
export function countersOf({ session, user }: Subjects, now_ms: number): CounterRef[] {
  const subjects: Readonly<Record<CounterScope, string | undefined>> = {
    session,
    user_day: user,
    tenant_day: "",
    tenant_month: "",
  };
  return COUNTER_SCOPES.flatMap((scope) => {
    const subject = subjects[scope];
    return subject === undefined ? [] : [{ scope, subject, window: windowOf(scope, now_ms) }];
  });
}
