/** When each step of an answer is due. Pure: elapsed time is an argument. */

/** How long answers take; each may be absent. Milliseconds. */
export type Pace = {
  /** Time to first token, when nothing of the prompt is cached. */
  readonly ttft_ms?: number | undefined;
  /** Time between two tokens. */
  readonly itl_ms?: number | undefined;
  /** The whole answer; wins over the two above, which then only shape a stream within it. */
  readonly latency_ms?: number | undefined;
};

/** Step k (from 0) is due `first_ms + k * between_ms` after the call began. */
export type Timing = { readonly first_ms: number; readonly between_ms: number; readonly steps: number };

/** What a `slow` fault does: ten times as long, and two seconds at least. */
const SLOW_FACTOR = 10;
const SLOW_FIRST_MS_MIN = 2_000;

export type TimingInput = {
  readonly server: Pace;
  readonly request: Pace;
  /** Steps of the answer: the tokens of its longest choice. */
  readonly steps: number;
  /** Share of the prompt found in the prefix cache, 0 to 1: the first token comes that much sooner. */
  readonly cached_share: number;
  readonly slow: boolean;
};

/** The pace of one answer: what the request says wins, part by part; its ttft or itl puts the server's latency aside. */
export function planTiming(input: TimingInput): Timing {
  const { server, request } = input;
  const paced = request.ttft_ms !== undefined || request.itl_ms !== undefined;
  const latency_ms = request.latency_ms ?? (paced ? undefined : server.latency_ms);
  const ttft_ms = (request.ttft_ms ?? server.ttft_ms ?? 0) * (1 - input.cached_share);
  const steps = Math.max(1, input.steps);
  let first_ms = ttft_ms;
  let between_ms = request.itl_ms ?? server.itl_ms ?? 0;
  if (latency_ms !== undefined) {
    first_ms = steps === 1 ? latency_ms : Math.min(ttft_ms, latency_ms);
    between_ms = steps === 1 ? 0 : (latency_ms - first_ms) / (steps - 1);
  }
  if (input.slow) {
    first_ms = Math.max(first_ms * SLOW_FACTOR, SLOW_FIRST_MS_MIN);
    between_ms *= SLOW_FACTOR;
  }
  return { first_ms, between_ms, steps };
}

/** From the start of the call to its last token. */
export function totalMs(timing: Timing): number {
  return timing.first_ms + timing.between_ms * (timing.steps - 1);
}

/** How many steps are due after `elapsed_ms`. */
export function stepsDue(timing: Timing, elapsed_ms: number): number {
  if (elapsed_ms < timing.first_ms) return 0;
  if (timing.between_ms <= 0) return timing.steps;
  return Math.min(timing.steps, Math.floor((elapsed_ms - timing.first_ms) / timing.between_ms) + 1);
}
