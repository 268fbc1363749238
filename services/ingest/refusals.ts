/** From what the counters refuse to the error of a Result, in words that say what to do. Pure. */
import type { Answer, Refusal } from "../../libs/shared/budgets/admission-store.ts";
import { BUDGET_SCOPES, type BudgetScope, windowEnd_ms, windowOf } from "../../libs/shared/budgets/scopes.ts";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import { dollars } from "../../libs/shared/money.ts";

/** Whose limits are told by name. */
export type RefusedRequest = {
  readonly tenant: string;
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  readonly key_id?: string | undefined;
};

export function refusalError(refusal: Refusal, request: RefusedRequest, now_ms: number): ResultError {
  const { retry_after_ms } = refusal;
  return { ...described(refusal, request, now_ms), ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
}

function described(refusal: Refusal, request: RefusedRequest, now_ms: number): ResultError {
  const { limit, left, needed } = refusal;
  const whose = ownerOf(refusal.scope, request);
  switch (refusal.reason) {
    case "budget":
      return { code: "budget_exceeded", type: "insufficient_quota", message: budgetMessage(refusal, whose, now_ms) };
    case "rate_requests":
      return rateLimited(`${whose} may send ${limit} requests a minute and has ${whole(left)} left${again(refusal)}`);
    case "rate_tokens":
      return rateLimited(
        `${whose} may use ${limit} tokens a minute and has ${whole(left)} left; this request may use ${whole(needed)}${again(refusal)}`,
      );
    case "quota": {
      const message =
        `${whose} may send ${limit} requests a day and has ${whole(left)} left; ` +
        `the UTC day ${windowOf("tenant_day", now_ms)} ends at ${end("tenant_day", now_ms)}`;
      return { code: "quota_exceeded", type: "rate_limit_error", message };
    }
    case "in_flight": {
      const message = `${whose} may have ${limit} requests in flight and has ${whole(limit - left)}; wait for one to end${again(refusal)}`;
      return { code: "in_flight_exceeded", type: "rate_limit_error", message };
    }
    case "velocity": {
      const message =
        `tenant ${request.tenant} is stopped: it spent more than ${dollars(limit)} within its plan's velocity window; ` +
        "an administrator resumes it with `sluice budget resume`";
      return { code: "tenant_stopped", type: "insufficient_quota", message };
    }
  }
}

/** The id of an idempotency key's first request is told: a caller with the same key has sent both. */
export function keyTakenError({ first_id, same_content }: Extract<Answer, { kind: "key_taken" }>): ResultError {
  const why = same_content
    ? `was used for the same content under the id ${first_id}; its result is the one of that request`
    : `was used for other content, in the request ${first_id}; use a new key for new content`;
  return {
    code: "idempotency_key_reused",
    type: "invalid_request_error",
    message: `idempotency_key: ${why}`,
    param: "idempotency_key",
  };
}

function rateLimited(message: string): ResultError {
  return { code: "rate_limited", type: "rate_limit_error", message };
}

function budgetMessage({ scope, limit, left, needed }: Refusal, whose: string, now_ms: number): string {
  return (
    `budget of scope ${scope}, ${whose}: ${dollars(left)} left of ${dollars(limit)}, and this request may cost ${dollars(needed)}; ` +
    (needed > limit ? "that is more than the whole cap: ask for less, or have it raised" : windowMessage(scope, now_ms))
  );
}

function windowMessage(scope: Refusal["scope"], now_ms: number): string {
  if (!isBudgetScope(scope) || scope === "request") return "ask for less, or have the cap raised";
  if (scope === "session") return "a session's budget does not reset";
  const window = windowOf(scope, now_ms);
  return `the UTC ${scope === "tenant_month" ? "month" : "day"} ${window} ends at ${end(scope, now_ms)}`;
}

function isBudgetScope(scope: Refusal["scope"]): scope is BudgetScope {
  return (BUDGET_SCOPES as readonly string[]).includes(scope);
}

function end(scope: "user_day" | "tenant_day" | "tenant_month", now_ms: number): string {
  return new Date(windowEnd_ms(scope, now_ms) ?? now_ms).toISOString();
}

function ownerOf(scope: Refusal["scope"], { tenant, user, session, key_id }: RefusedRequest): string {
  switch (scope) {
    case "global":
      return "all tenants together";
    case "session":
      return `session ${session ?? "of this request"}`;
    case "user":
    case "user_day":
      return `user ${user ?? "of this request"}`;
    case "key":
      return `API key ${key_id ?? "of this request"}`;
    case "request":
      return "this request";
    default:
      return `tenant ${tenant}`;
  }
}

function again({ retry_after_ms }: Refusal): string {
  return retry_after_ms === undefined ? "" : `; try again in ${Math.ceil(retry_after_ms / 1_000)} s`;
}

function whole(amount: number): string {
  return String(Math.floor(amount));
}
