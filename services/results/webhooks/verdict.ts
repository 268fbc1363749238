/** What a call says of its delivery: done, again later, or given up. Pure. */
import type { WebhooksSettings } from "../../../libs/shared/config/gateway.ts";
import type { Called } from "../../../libs/shared/webhooks/guarded-client.ts";

export type Verdict =
  | { readonly status: "delivered" }
  | { readonly status: "pending"; readonly next_ms: number }
  /** `gone`: nobody is there any more, and no delivery of the endpoint is tried again. */
  | { readonly status: "failed"; readonly gone: boolean };

const GONE = 410;
/** Says when to come again. */
const BUSY = [429, 503];
const JITTER = 0.1;

/**
 * 2xx alone is taken, as Standard Webhooks has it: redirects fail too. The schedule's waits vary by a tenth, so that what failed together does not
 * come again together. A longer Retry-After of 429 and 503 is waited for, up to the longest wait of the schedule.
 * @param tries how often it was tried since the schedule began, this call included.
 * @param random from 0 up to 1.
 */
export function verdictOn(
  called: Called,
  tries: number,
  { retry_after_s }: Pick<WebhooksSettings, "retry_after_s">,
  now_ms: number,
  random: number,
): Verdict {
  if (called.kind === "answered" && called.status >= 200 && called.status < 300) return { status: "delivered" };
  if (called.kind === "answered" && called.status === GONE) return { status: "failed", gone: true };
  const wait_s = retry_after_s[tries - 1];
  if (called.kind === "refused" || wait_s === undefined) return { status: "failed", gone: false };
  const wait_ms = wait_s * 1_000 * (1 - JITTER + 2 * JITTER * random);
  const asked_ms =
    called.kind === "answered" && BUSY.includes(called.status) ? askedFor_ms(called.retry_after, now_ms) : 0;
  const longest_ms = Math.max(...retry_after_s) * 1_000;
  return { status: "pending", next_ms: Math.round(now_ms + Math.max(wait_ms, Math.min(asked_ms, longest_ms))) };
}

/** Seconds or a date, as RFC 9110 has it; anything else is nothing. */
function askedFor_ms(retry_after: string | undefined, now_ms: number): number {
  if (retry_after === undefined) return 0;
  if (/^\d{1,9}$/.test(retry_after.trim())) return Number(retry_after) * 1_000;
  const at_ms = Date.parse(retry_after);
  return Number.isNaN(at_ms) ? 0 : Math.max(0, at_ms - now_ms);
}

/** How long a delivery may wait in all before it is given up untried: its whole schedule and a day. */
export function deliveryMsMax({ retry_after_s }: Pick<WebhooksSettings, "retry_after_s">): number {
  const seconds = retry_after_s.reduce((sum, wait_s) => sum + wait_s, 0);
  return (seconds * (1 + JITTER) + 24 * 3_600) * 1_000;
}
