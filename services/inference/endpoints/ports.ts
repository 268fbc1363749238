/** What a pool needs beside its endpoints: the tier's rate limit, and the concurrency of each endpoint. */
import type { CallEnd } from "../backend.ts";

type Wait = { readonly until_ms: number; readonly signal: AbortSignal };

/** The provider's limits on the tier. */
export interface Limiter {
  take(
    needs: Wait & { readonly requests: number; readonly tokens: number; readonly partition: string },
  ): Promise<"granted" | "refused">;
  /** A call is over: what was taken is corrected by what was used, where that is known. */
  settle(estimated_tokens: number, actual_tokens: number | undefined): void;
  /** A call was not made. One of the two ends every call that was granted. */
  giveBack(requests: number, tokens: number): void;
  pause(until_ms: number): void;
}

/** The calls in flight to one endpoint, and how many there may be. */
export interface Concurrency {
  acquire(wait: Wait): Promise<"granted" | "refused">;
  /** @param end undefined for a place that was not used. */
  release(end: CallEnd | undefined, latency_ms: number): void;
  readonly in_flight: number;
  readonly limit: number;
}
