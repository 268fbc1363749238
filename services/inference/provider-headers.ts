/** What a provider's answer says in its headers of when to come back and of its limits. Pure. */
import type { ProviderLimits } from "./model-client.ts";

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** `retry-after-ms` before `retry-after` in seconds or as a date, as OpenAI's own clients read them. */
export function retryAfter_ms(headers: Headers, now_ms: number): number | undefined {
  const ms = countOf(headers["retry-after-ms"]);
  if (ms !== undefined) return ms;
  const given = headers["retry-after"];
  const seconds = countOf(given);
  if (seconds !== undefined) return seconds * 1_000;
  const date_ms = typeof given === "string" ? Date.parse(given) : Number.NaN;
  return Number.isNaN(date_ms) ? undefined : Math.max(0, date_ms - now_ms);
}

/** OpenAI's `x-ratelimit-*`. @returns undefined when there are none. */
export function providerLimits(headers: Headers, _now_ms: number): ProviderLimits | undefined {
  const given = {
    remaining_requests: countOf(headers["x-ratelimit-remaining-requests"]),
    remaining_tokens: countOf(headers["x-ratelimit-remaining-tokens"]),
    reset_requests_ms: duration_ms(headers["x-ratelimit-reset-requests"]),
    reset_tokens_ms: duration_ms(headers["x-ratelimit-reset-tokens"]),
  };
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  return known.length === 0 ? undefined : (Object.fromEntries(known) as ProviderLimits);
}

function countOf(value: string | string[] | undefined): number | undefined {
  return typeof value === "string" && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** `1s`, `6m0s`, `20ms`, `1h2m3.5s`; a bare number is seconds. */
function duration_ms(value: string | string[] | undefined): number | undefined {
  if (typeof value !== "string") return undefined;
  const seconds = countOf(value);
  if (seconds !== undefined) return seconds * 1_000;
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(value)) return undefined;
  let total_ms = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    total_ms += Number(amount) * (UNIT_MS[unit as string] as number);
  }
  return total_ms;
}
