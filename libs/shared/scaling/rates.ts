/** What processes' counters grew by between two sets of beats: processes come, go and start again meanwhile. Pure. */
import type { Beat } from "../beats/beat.ts";

export type Labels = Readonly<Record<string, string>>;

/** One process, now and before. */
export type BeatPair = {
  readonly now: Beat;
  /** Undefined for one that has started since. */
  readonly before: Beat | undefined;
  /** What lies between the two, of one that has started since from its start; 0 where nothing can be told. */
  readonly elapsed_s: number;
};

/**
 * Of every process that is there now. One that was silent before, though older, has no rates: what it counted may be from any time.
 * What has gone meanwhile did its last work unseen.
 */
export function pairBeats(before: readonly Beat[], now: readonly Beat[], before_at_ms: number): BeatPair[] {
  const earlier = new Map(before.map((beat) => [beat.instance, beat]));
  return now.map((beat) => {
    const known = earlier.get(beat.instance);
    if (known !== undefined) return { now: beat, before: known, elapsed_s: seconds(beat.at_ms - known.at_ms) };
    const is_new = beat.started_ms >= before_at_ms;
    return { now: beat, before: undefined, elapsed_s: is_new ? seconds(beat.at_ms - beat.started_ms) : 0 };
  });
}

/** The sum of a metric's samples whose labels have these values. */
export function sampleSum(beat: Beat, name: string, labels: Labels = {}): number {
  return beat.samples.reduce(
    (sum, sample) => sum + (sample.name === name && has(sample.labels, labels) ? sample.value : 0),
    0,
  );
}

/** How much a counter grew, all label sets that fit together. One that went back began anew: what it counted since is its growth. */
export function growthOf({ now, before, elapsed_s }: BeatPair, name: string, labels: Labels = {}): number {
  if (elapsed_s === 0) return 0;
  const growth = sampleSum(now, name, labels) - (before === undefined ? 0 : sampleSum(before, name, labels));
  return growth >= 0 ? growth : sampleSum(now, name, labels);
}

/** Growth a second, over all processes. */
export function rateOf(pairs: readonly BeatPair[], name: string, labels: Labels = {}): number {
  return pairs.reduce(
    (sum, pair) => sum + (pair.elapsed_s === 0 ? 0 : growthOf(pair, name, labels) / pair.elapsed_s),
    0,
  );
}

/** The values that a label has, over all processes. */
export function valuesOfLabel(pairs: readonly BeatPair[], name: string, label: string, labels: Labels = {}): string[] {
  const values = pairs.flatMap(({ now }) =>
    now.samples.flatMap((sample) =>
      sample.name === name && has(sample.labels, labels) ? [sample.labels[label] ?? ""] : [],
    ),
  );
  return [...new Set(values)];
}

function has(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** Clocks of one process do not go back by much; where they did, nothing can be told. */
function seconds(ms: number): number {
  return Math.max(0, ms) / 1_000;
}
