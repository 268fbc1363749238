/**
 * A circuit breaker: closed, open, half-open. The states are cockatiel's; when to open and how long is ours, on the clock that is
 * passed in. (cockatiel's own SamplingBreaker reads the wall clock, keeps failures from before its window after a quiet while, and
 * takes no ratio of 1.)
 */
import { CircuitState, circuitBreaker, handleWhenResult, type IBackoff, type IBreaker } from "cockatiel";
import type { Clock } from "../../../libs/shared/clock.ts";
import type { BreakerSettings } from "../../../libs/shared/config/inference.ts";
import { FailureWindow } from "./failure-window.ts";

export type BreakerState = "closed" | "open" | "half_open";

/** What a call says of its endpoint: `unknown` when it was given up or never made. */
export type BreakerOutcome = "ok" | "failed" | "unknown";

/** A call that was let through. */
export type BreakerCall = {
  /** False when the breaker has opened since, so that a call not yet made had better not be. */
  stands(): boolean;
  /** To be called once; later ends count for nothing. */
  end(outcome: BreakerOutcome): void;
};

export interface Breaker {
  readonly state: BreakerState;
  /** A call may begin now. In half-open, one alone. */
  allows(): boolean;
  /** @returns undefined when no call may begin. */
  begin(): BreakerCall | undefined;
  /** Until an open breaker lets a call try, in ms; 0 when it would now, or is not open. */
  msUntilHalfOpen(): number;
}

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "half_open",
  // Held open by hand, which nobody does here.
  [CircuitState.Isolated]: "open",
};

/** @param onChange told of every change of state, some microtasks after the call that caused it. */
export function createBreaker(
  settings: BreakerSettings,
  clock: Clock,
  onChange: (from: BreakerState, to: BreakerState) => void = () => {},
): Breaker {
  let opens_until_ms = 0;
  /** The trial said nothing: the next call is the trial, without another wait. */
  let try_again = false;

  const backoff: IBackoff<unknown> = {
    // Read by cockatiel each time that a call asks an open breaker, and compared with its own clock: never or always.
    get duration() {
      return clock.now_ms() >= opens_until_ms ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    },
    next() {
      opens_until_ms = try_again ? clock.now_ms() : clock.now_ms() + settings.open_ms;
      try_again = false;
      return backoff;
    },
  };
  const policy = circuitBreaker(
    handleWhenResult((outcome) => outcome !== "ok"),
    { halfOpenAfter: backoff, breaker: ratioBreaker(settings, clock) },
  );
  const stateNow = (): BreakerState => STATES[policy.state];
  let told: BreakerState = "closed";
  policy.onStateChange((state) => {
    const from = told;
    told = STATES[state];
    onChange(from, told);
  });

  const allows = (): boolean =>
    policy.state === CircuitState.Closed || (policy.state === CircuitState.Open && clock.now_ms() >= opens_until_ms);
  return {
    get state() {
      return stateNow();
    },
    allows,
    msUntilHalfOpen: () => (policy.state === CircuitState.Open ? Math.max(0, opens_until_ms - clock.now_ms()) : 0),
    begin() {
      if (!allows()) return undefined;
      if (policy.state === CircuitState.Closed) {
        let ended = false;
        return {
          stands: () => policy.state === CircuitState.Closed,
          end(outcome) {
            // A call from before the breaker opened neither closes it nor keeps it open.
            if (ended || outcome === "unknown" || policy.state !== CircuitState.Closed) return;
            ended = true;
            void policy.execute(() => outcome);
          },
        };
      }
      const trial = Promise.withResolvers<BreakerOutcome>();
      void policy.execute(() => trial.promise);
      let ended = false;
      return {
        stands: () => true,
        end(outcome) {
          if (ended) return;
          ended = true;
          try_again = outcome === "unknown";
          trial.resolve(outcome);
        },
      };
    },
  };
}

/** Opens when `failure_ratio` of the calls within `window_ms` failed, of `calls_min` at least. */
function ratioBreaker({ failure_ratio, window_ms, calls_min }: BreakerSettings, clock: Clock): IBreaker {
  const window = new FailureWindow(window_ms);
  return {
    // cockatiel asks for it only to store a breaker, which is not done.
    state: undefined,
    success(state) {
      if (state === CircuitState.HalfOpen) window.clear();
      window.add(false, clock.now_ms());
    },
    failure(state) {
      window.add(true, clock.now_ms());
      if (state !== CircuitState.Closed) return true;
      const { calls, failures } = window.counts(clock.now_ms());
      return calls >= calls_min && failures >= failure_ratio * calls;
    },
  };
}
