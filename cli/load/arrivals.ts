/**
 * When requests are due, decided before anything is sent: an open loop. Whatever the target does, the next one is due when it is due, and
 * its latency counts from then, so no slow answer hides the requests that it would have held up ("coordinated omission", Gil Tene, "How NOT
 * to measure latency"). Pure.
 */
import { Random } from "../../tools/simulate/random.ts";
import { areaOf, type Piece, timeWithin } from "./phases.ts";

/**
 * Times in ms from the start, rising. `uniform`: evenly by the rate. `poisson`: as many people who know nothing of each other arrive; a
 * process whose rate changes is one of rate 1 with its time turned around (Çinlar, "Introduction to Stochastic Processes", 1975).
 */
export function* arrivals(
  pieces: readonly Piece[],
  kind: "poisson" | "uniform",
  seed: number,
): Generator<number, void, void> {
  const random = new Random(seed);
  const gap = (): number => (kind === "uniform" ? 1 : -Math.log(1 - random.next()));
  let begins_ms = 0;
  let before = 0;
  // The first of an even row stands in the middle of its gap.
  let next = kind === "uniform" ? 0.5 : gap();
  for (const piece of pieces) {
    const area = areaOf(piece);
    for (; next < before + area; next += gap()) yield begins_ms + timeWithin(piece, next - before);
    before += area;
    begins_ms += piece.duration_ms;
  }
}
