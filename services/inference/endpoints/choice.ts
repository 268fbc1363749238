/**
 * Which of a tier's endpoints takes a call. Pure: chance is an argument, time is in the views.
 *
 * First by health: healthy ones, with a share of the calls for degraded ones so that they can recover; degraded ones when no other
 * has room; unhealthy ones only when there is nothing else. Then by the tier's strategy:
 *
 * - `round_robin`: the one whose turn is longest ago.
 * - `weighted`: smooth weighted round robin, as in nginx (`ngx_http_upstream_round_robin.c`): each candidate gains its weight, the
 *   highest is taken and loses the sum. Turns of a heavy endpoint are spread among those of the others.
 * - `least_in_flight`: the fewest calls in flight; a tie is decided by chance.
 * - `peak_ewma`: the cheaper of two drawn by chance (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 1996),
 *   its cost being the peak EWMA of latency × (calls in flight + 1), as in Finagle. One without a latency gets one call first.
 * - `adaptive`: drawn by chance in proportion to a score:
 *   `weight × (fastest / latency) × (1 − error_ratio)² × (1 − in_flight / limit)`, where `fastest` is the lowest latency among the
 *   candidates and a latency not yet known counts as `fastest`. No score is below `weight / 100`, so that none is forgotten.
 */
import type { TierSettings } from "../../../libs/shared/config/inference.ts";
import type { Health } from "./health.ts";

export type Strategy = TierSettings["balancing"];

export type Candidate = {
  readonly name: string;
  readonly weight: number;
  readonly in_flight: number;
  /** Calls in flight at the most. */
  readonly limit: number;
  /** Undefined before the first call. */
  readonly ewma_ms: number | undefined;
  readonly error_ratio: number;
  readonly health: Health;
};

/** The part of the calls that degraded endpoints get together, while healthy ones have room. */
export const DEGRADED_SHARE = 0.1;

/** In Finagle likewise: the cost of an endpoint with a call in flight whose latency nobody knows. */
const UNKNOWN_COST_MS = Number.MAX_SAFE_INTEGER / 2;
const SCORE_FLOOR = 0.01;

/** Keeps whose turn it is; one per pool. */
export class Chooser {
  readonly #pick: (candidates: readonly Candidate[], random: () => number) => Candidate;

  constructor(strategy: Strategy) {
    this.#pick = strategies[strategy]();
  }

  /**
   * @param candidates usable ones with room, at least one.
   * @param random uniform in [0, 1).
   */
  choose<T extends Candidate>(candidates: readonly T[], random: () => number): T {
    return this.#pick(preferred(candidates, random), random) as T;
  }
}

/** The candidates of the best health, or by chance the degraded ones. */
function preferred(candidates: readonly Candidate[], random: () => number): readonly Candidate[] {
  const healthy = candidates.filter(({ health }) => health === "healthy");
  if (healthy.length === candidates.length) return candidates;
  const degraded = candidates.filter(({ health }) => health === "degraded");
  if (healthy.length > 0 && (degraded.length === 0 || random() >= DEGRADED_SHARE)) return healthy;
  return degraded.length > 0 ? degraded : candidates;
}

type Pick = (candidates: readonly Candidate[], random: () => number) => Candidate;

const strategies: Readonly<Record<Strategy, () => Pick>> = {
  round_robin() {
    const turns = new Map<string, number>();
    let turn = 0;
    return (candidates) => {
      const chosen = least(candidates, ({ name }) => turns.get(name) ?? 0);
      turn += 1;
      turns.set(chosen.name, turn);
      return chosen;
    };
  },

  weighted() {
    const gained = new Map<string, number>();
    return (candidates) => {
      let sum = 0;
      for (const { name, weight } of candidates) {
        gained.set(name, (gained.get(name) ?? 0) + weight);
        sum += weight;
      }
      const chosen = least(candidates, ({ name }) => -(gained.get(name) ?? 0));
      gained.set(chosen.name, (gained.get(chosen.name) ?? 0) - sum);
      return chosen;
    };
  },

  least_in_flight: () => (candidates, random) => {
    const fewest = Math.min(...candidates.map(({ in_flight }) => in_flight));
    return drawn(
      candidates.filter(({ in_flight }) => in_flight === fewest),
      random,
    );
  },

  peak_ewma: () => (candidates, random) => {
    const one = drawn(candidates, random);
    if (candidates.length === 1) return one;
    const other = drawn(
      candidates.filter((candidate) => candidate !== one),
      random,
    );
    return cost(other) < cost(one) ? other : one;
  },

  adaptive: () => (candidates, random) => {
    const scores = adaptiveScores(candidates);
    let left = random() * scores.reduce((sum, score) => sum + score, 0);
    for (const [index, candidate] of candidates.entries()) {
      left -= scores[index] as number;
      if (left < 0) return candidate;
    }
    return candidates.at(-1) as Candidate;
  },
};

function cost({ ewma_ms, in_flight }: Candidate): number {
  if (ewma_ms !== undefined) return ewma_ms * (in_flight + 1);
  return in_flight === 0 ? 0 : UNKNOWN_COST_MS + in_flight;
}

/** @returns one score per candidate, greater than 0; see the formula above. */
export function adaptiveScores(candidates: readonly Candidate[]): number[] {
  const known = candidates.map(({ ewma_ms }) => ewma_ms).filter((ewma_ms) => ewma_ms !== undefined);
  // An average that has decayed to nearly nothing means unknown, not infinitely fast.
  const fastest_ms = Math.max(1, Math.min(...known));
  return candidates.map(({ weight, ewma_ms, error_ratio, in_flight, limit }) => {
    const speed = ewma_ms === undefined ? 1 : fastest_ms / Math.max(ewma_ms, fastest_ms);
    const room = Math.max(0, 1 - in_flight / Math.max(1, limit));
    return weight * Math.max(SCORE_FLOOR, speed * (1 - error_ratio) ** 2 * room);
  });
}

function drawn(candidates: readonly Candidate[], random: () => number): Candidate {
  return candidates[Math.floor(random() * candidates.length)] as Candidate;
}

/** The first of those with the least value. */
function least(candidates: readonly Candidate[], of: (candidate: Candidate) => number): Candidate {
  let best = candidates[0] as Candidate;
  for (const candidate of candidates) if (of(candidate) < of(best)) best = candidate;
  return best;
}
