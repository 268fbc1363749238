/** The global limits as scripts are told of them, and what they reply. Pure. */
import type { RateAsk } from "../../budgets/admission-store.ts";

/** What they said to one ask. */
export type Taken =
  | { readonly kind: "taken"; readonly at_ms: number; readonly rate: RateAsk; readonly room: Room }
  /** Reason, limit, left, needed, and the wait in ms where waiting helps. */
  | { readonly kind: "refused"; readonly lack: readonly (string | number)[] };

/** By `q` (requests) and `t` (tokens): limit, left, ms until it is whole. */
type Room = { readonly q?: readonly number[]; readonly t?: readonly number[] };

/** A change of what was charged at a time. */
export type GlobalUse = {
  readonly bucket: boolean;
  readonly at_ms: number;
  readonly requests: number;
  readonly tokens: number;
  /** The limits that were charged, where requests are given back. */
  readonly rate?: RateAsk;
};

/** The life or the day is another than the one that was named. */
type Outdated = { readonly stale: "epoch" | "day" };

/** A limit as the scripts read it. */
export function rateArgument(rate: RateAsk): object {
  return {
    scope: rate.scope,
    q: rate.requests_per_minute,
    t: rate.tokens_per_minute,
    requests_per_day: rate.requests_per_day,
    bucket: rate.algorithm === "token_bucket",
    burst_us: rate.burst_s * 1_000_000,
  };
}

/** What the tenant's script is told of a limit that was asked before. */
export function askedArgument(taken: Taken | undefined): object {
  if (taken === undefined) return { scope: "global", asked: true };
  if (taken.kind === "refused") return { scope: "global", asked: true, refused: taken.lack };
  return { scope: "global", asked: true, room: taken.room };
}

export function takenOf(rate: RateAsk, reply: readonly unknown[]): Taken | Outdated {
  const [kind, now_ms, ...rest] = reply as [string, number, ...unknown[]];
  if (kind === "epoch" || kind === "day") return { stale: kind };
  if (kind === "refused") {
    const [reason, ...numbers] = rest as string[];
    return { kind, lack: [reason ?? "", ...numbers.filter((text) => text !== "-").map(Number)] };
  }
  if (kind !== "taken") throw new Error(`unknown reply of the script of global limits: ${kind}`);
  const [q, t] = rest as [number[], number[]];
  return { kind, at_ms: now_ms, rate, room: { ...(q.length > 0 ? { q } : {}), ...(t.length > 0 ? { t } : {}) } };
}
