/**
 * Phases as straight pieces of a rate over time, which can be added up and turned around exactly: how many arrivals are due by a time, and
 * when the n-th is due. Pure.
 */
import type { Fault, Phase, Scenario } from "./scenario.ts";

/** From `from` to `to` arrivals a second, in a straight line. */
export type Piece = { readonly duration_ms: number; readonly from: number; readonly to: number };

/** Of one wave: straight enough. */
const WAVE_PIECES = 48;

export function piecesOf(phases: readonly Phase[]): Piece[] {
  return phases.flatMap(piecesOfPhase).filter(({ duration_ms }) => duration_ms > 0);
}

function piecesOfPhase({
  duration: duration_ms,
  rate,
  to = rate,
  pattern,
  steps = 2,
  every = 0,
  for: lasting = 0,
}: Phase): Piece[] {
  if (pattern === "linear") return [{ duration_ms, from: rate, to }];
  if (pattern === "steps") {
    return Array.from({ length: steps }, (_, step) => {
      const flat = rate + ((to - rate) * step) / (steps - 1);
      return { duration_ms: duration_ms / steps, from: flat, to: flat };
    });
  }
  if (pattern === "wave") {
    const at = (step: number): number => rate + ((to - rate) * (1 - Math.cos((2 * Math.PI * step) / WAVE_PIECES))) / 2;
    return Array.from({ length: WAVE_PIECES }, (_, step) => ({
      duration_ms: duration_ms / WAVE_PIECES,
      from: at(step),
      to: at(step + 1),
    }));
  }
  return bursts(duration_ms, { rate, to, every_ms: every, for_ms: lasting });
}

/** Each burst stands at the end of its turn, so that there is a calm before the first. */
function bursts(
  duration_ms: number,
  { rate, to, every_ms, for_ms }: { rate: number; to: number; every_ms: number; for_ms: number },
): Piece[] {
  const pieces: Piece[] = [];
  for (let at_ms = 0; at_ms < duration_ms; at_ms += every_ms) {
    const calm_ms = Math.min(every_ms - for_ms, duration_ms - at_ms);
    pieces.push({ duration_ms: calm_ms, from: rate, to: rate });
    const burst_ms = Math.min(for_ms, duration_ms - at_ms - calm_ms);
    pieces.push({ duration_ms: burst_ms, from: to, to });
  }
  return pieces;
}

export function durationOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { duration_ms }) => sum + duration_ms, 0);
}

/** Arrivals that are due in all. */
export function totalOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + areaOf(piece), 0);
}

/** The highest rate, in arrivals a second. */
export function peakOf(pieces: readonly Piece[]): number {
  return Math.max(...pieces.flatMap(({ from, to }) => [from, to]));
}

export function areaOf({ duration_ms, from, to }: Piece): number {
  return ((from + to) / 2) * (duration_ms / 1_000);
}

/** When `area` arrivals of a piece are due, in ms from its beginning: the root of from·t + (to − from)/2d·t² = area. */
export function timeWithin({ duration_ms, from, to }: Piece, area: number): number {
  const slope = (to - from) / (duration_ms / 1_000);
  // The form that does not subtract what is almost equal, also for a slope of 0.
  const root = Math.sqrt(Math.max(0, from * from + 2 * slope * area));
  const seconds = from + root === 0 ? 0 : (2 * area) / (from + root);
  return Math.min(duration_ms, seconds * 1_000);
}

export type Scale = {
  /** What all phases last together. */
  readonly duration_ms?: number | undefined;
  /** What the highest rate becomes, in arrivals a second. */
  readonly rate?: number | undefined;
};

/** The same shape, longer or shorter, higher or lower; faults move along. */
export function scaled(scenario: Scenario, { duration_ms, rate }: Scale): Scenario {
  const pieces = piecesOf(scenario.phases);
  const longer = duration_ms === undefined ? 1 : duration_ms / durationOf(pieces);
  const higher = rate === undefined ? 1 : rate / peakOf(pieces);
  return {
    ...scenario,
    phases: scenario.phases.map((phase) => ({
      ...phase,
      duration: phase.duration * longer,
      rate: phase.rate * higher,
      ...(phase.to === undefined ? {} : { to: phase.to * higher }),
      ...(phase.every === undefined ? {} : { every: phase.every * longer }),
      ...(phase.for === undefined ? {} : { for: phase.for * longer }),
    })),
    faults: scenario.faults.map((fault): Fault => ({ ...fault, at: fault.at * longer, for: fault.for * longer })),
  };
}
