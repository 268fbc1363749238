/**
 * What a provider says of its limits in the headers of an answer, and how long it asks to be left alone. Pure.
 *
 * Sources: OpenAI's guide to rate limits (`x-ratelimit-*`, durations such as `6m0s`), RFC 9110 section 10.2.3 (`retry-after`), OpenAI's
 * own clients (`retry-after-ms` comes first). Some compatible providers write plain seconds or RFC 3339 times.
 */
import type { ProviderLimits } from "../model-client.ts";

/** As undici gives them: names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type ProviderWord = { readonly limits?: ProviderLimits; readonly retry_after_ms?: number };

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/;
const DURATION_PARTS = /(\d+(?:\.\d+)?)(ms|[smhd])/g;
const NUMBER = /^\d+(?:\.\d+)?$/;
const DATE_TIME = /^\d{4}-\d\d-\d\dT/i;
/** `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms; all begin with the day of the week. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/i;

/** A header that promises no end would stop a tier for good: after this, one call asks again. */
const PAUSE_MS_MAX = 600_000;
/**
 * With nothing left and no word of when to come back. A provider that refills all the time names the time when all is back, and
 * something is long before; one that refills at once answers 429 with `retry-after`, which is believed.
 */
const EMPTY_PAUSE_MS_MAX = 5_000;

/** @param now_ms epoch, for headers that name a time. Fields that are missing or unreadable are left out. */
export function readProviderLimits(headers: AnswerHeaders, now_ms: number): ProviderWord {
  const limits: ProviderLimits = {
    ...field("remaining_requests", count(header(headers, "x-ratelimit-remaining-requests"))),
    ...field("remaining_tokens", count(header(headers, "x-ratelimit-remaining-tokens"))),
    ...field("reset_requests_ms", until_ms(header(headers, "x-ratelimit-reset-requests"), now_ms)),
    ...field("reset_tokens_ms", until_ms(header(headers, "x-ratelimit-reset-tokens"), now_ms)),
  };
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...field("retry_after_ms", retryAfter_ms(headers, now_ms)),
  };
}

/**
 * The time (epoch ms) before which nothing should be sent; `now_ms` when there is no reason to wait. The provider's own word of when to
 * come back counts before what can be concluded from its limits.
 */
export function pauseUntil(
  limits: ProviderLimits | undefined,
  retry_after_ms: number | undefined,
  now_ms: number,
): number {
  if (retry_after_ms !== undefined) return now_ms + Math.min(PAUSE_MS_MAX, Math.max(0, retry_after_ms));
  const requests_ms = limits?.remaining_requests === 0 ? (limits.reset_requests_ms ?? 0) : 0;
  const tokens_ms = limits?.remaining_tokens === 0 ? (limits.reset_tokens_ms ?? 0) : 0;
  return now_ms + Math.min(EMPTY_PAUSE_MS_MAX, Math.max(requests_ms, tokens_ms));
}

function retryAfter_ms(headers: AnswerHeaders, now_ms: number): number | undefined {
  const exact = header(headers, "retry-after-ms");
  if (exact !== undefined && NUMBER.test(exact)) return Math.ceil(Number(exact));
  const text = header(headers, "retry-after");
  if (text === undefined) return undefined;
  if (NUMBER.test(text)) return Math.ceil(Number(text) * 1_000);
  return HTTP_DATE.test(text) ? timeLeft_ms(text, now_ms) : undefined;
}

/** A duration, plain seconds or a time, as ms from now. */
function until_ms(text: string | undefined, now_ms: number): number | undefined {
  if (text === undefined) return undefined;
  if (NUMBER.test(text)) return Math.ceil(Number(text) * 1_000);
  if (DATE_TIME.test(text)) return timeLeft_ms(text, now_ms);
  if (!DURATION.test(text)) return undefined;
  let sum_ms = 0;
  for (const [, amount, unit = ""] of text.matchAll(DURATION_PARTS)) sum_ms += Number(amount) * (UNIT_MS[unit] ?? 0);
  return Math.ceil(sum_ms);
}

function timeLeft_ms(date: string, now_ms: number): number | undefined {
  const at_ms = Date.parse(date);
  return Number.isNaN(at_ms) ? undefined : Math.max(0, at_ms - now_ms);
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && NUMBER.test(text) ? Math.floor(Number(text)) : undefined;
}

function header(headers: AnswerHeaders, name: string): string | undefined {
  const value = headers[name];
  const text = (typeof value === "object" ? value[0] : value)?.trim();
  // Longer ones are no numbers; the patterns need not see them.
  return text === undefined || text === "" || text.length > 64 ? undefined : text;
}

function field<Name extends string>(name: Name, value: number | undefined): { [name in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { [name in Name]: number });
}
