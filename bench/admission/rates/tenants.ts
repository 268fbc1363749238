/** The tenants of the scenario `rates`: who is bound by what, and what their requests are like. Pure. */
import type { Ask, RateAsk } from "../../../libs/shared/budgets/admission-store.ts";
import { newAsk } from "../asks.ts";

export const REQUESTS_PER_MINUTE = 600;
export const TOKENS_PER_MINUTE = 100_000;

export type RateTenant = {
  readonly name: string;
  /** The limit that is reached first. */
  readonly binding: "requests" | "tokens";
  readonly algorithm: RateAsk["algorithm"];
  readonly burst_s: number;
  /** Of the request with the number. */
  readonly reserved_tokens: (at: number) => number;
  readonly used_tokens: (at: number) => number;
  /** From admission until the answer, or its stream, has ended. */
  readonly answer_ms: (at: number) => number;
};

const QUICK_MS = 200;
const small = {
  binding: "requests",
  reserved_tokens: () => 40,
  used_tokens: () => 20,
  answer_ms: () => QUICK_MS,
} as const;
const window = { algorithm: "sliding_window", burst_s: 10 } as const;
const large = (at: number): number => 200 + (at % 9) * 25;

export const RATE_TENANTS: readonly RateTenant[] = [
  { name: "requests", ...small, ...window },
  {
    name: "tokens",
    ...window,
    binding: "tokens",
    reserved_tokens: large,
    used_tokens: large,
    answer_ms: () => QUICK_MS,
  },
  /** They use 55 to 90 % of what was reserved for them, and it is known after one to five seconds. */
  {
    name: "streams",
    ...window,
    binding: "tokens",
    reserved_tokens: large,
    used_tokens: (at) => Math.floor(large(at) * (0.55 + (at % 8) * 0.05)),
    answer_ms: (at) => 1_000 + (at % 17) * 250,
  },
  { name: "bucket", ...small, algorithm: "token_bucket", burst_s: 1 },
];

const HOLD_MS = 3_600_000;

/** @param at no two asks of the run have one. */
export function rateAsk({ name, algorithm, burst_s, reserved_tokens }: RateTenant, at: number, now_ms: number): Ask {
  const limits = { requests_per_minute: REQUESTS_PER_MINUTE, tokens_per_minute: TOKENS_PER_MINUTE };
  return {
    ...newAsk(name, at),
    needs: {
      reserved_nusd: 1_000,
      tokens: reserved_tokens(at),
      caps_nusd: {},
      rates: [{ scope: "tenant", subject: "", algorithm, burst_s, ...limits }],
      expires_ms: now_ms + HOLD_MS,
    },
  };
}
