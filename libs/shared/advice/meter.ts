/**
 * What processes did between two looks, out of their beats: counters as rates over the time between a process's own beats, gauges as the mean
 * of all looks. Pure.
 */
import type { Beat, Sample } from "../beats/beat.ts";

/** All labels that are named must be as named. */
export type Labels = Readonly<Record<string, string>>;

/** One process over the looks in which it was seen, the oldest first. */
export class ProcessMeter {
  readonly #beats: readonly Beat[];
  readonly #from: Beat | undefined;
  readonly #last: Beat;

  /** @param beats at least one, of one instance. */
  constructor(beats: readonly Beat[], from_ms: number) {
    this.#beats = beats;
    this.#last = beats.at(-1) as Beat;
    const [first] = beats;
    // One that started within the time has counted from zero; of others the first beat is where it begins.
    this.#from = first !== undefined && first.started_ms < from_ms ? first : undefined;
  }

  get beat(): Beat {
    return this.#last;
  }

  /** Between its own beats; 0 for one that said nothing new. */
  get seconds(): number {
    return Math.max(0, this.#last.at_ms - (this.#from?.at_ms ?? this.#last.started_ms)) / 1_000;
  }

  /** What a counter grew by, a second. */
  rate(name: string, labels: Labels = {}): number {
    const { seconds } = this;
    return seconds === 0 ? 0 : this.grown(name, labels) / seconds;
  }

  grown(name: string, labels: Labels = {}): number {
    return Math.max(
      0,
      sumOf(this.#last, name, labels) - (this.#from === undefined ? 0 : sumOf(this.#from, name, labels)),
    );
  }

  /** Mean of a gauge over all beats; 0 where it has none. */
  gauge(name: string, labels: Labels = {}): number {
    return this.#beats.reduce((sum, beat) => sum + sumOf(beat, name, labels), 0) / this.#beats.length;
  }

  /** Mean of those beats that have it; undefined where none has. */
  gaugeWhereSet(name: string, labels: Labels): number | undefined {
    const set = this.#beats.filter((beat) => beat.samples.some((sample) => isOf(sample, name, labels)));
    return set.length === 0 ? undefined : set.reduce((sum, beat) => sum + sumOf(beat, name, labels), 0) / set.length;
  }

  values(name: string, label: string, labels: Labels = {}): readonly string[] {
    const found = this.#last.samples.filter((sample) => isOf(sample, name, labels));
    return [...new Set(found.flatMap((sample) => sample.labels[label] ?? []))];
  }
}

/** @param looks the oldest first. @returns by instance. */
export function metersOf(
  looks: readonly { readonly at_ms: number; readonly beats: readonly Beat[] }[],
): ReadonlyMap<string, ProcessMeter> {
  const beats = new Map<string, Beat[]>();
  for (const look of looks) {
    for (const beat of look.beats) {
      const own = beats.get(beat.instance) ?? [];
      // The same beat seen again says nothing new.
      if (own.at(-1)?.at_ms !== beat.at_ms) own.push(beat);
      beats.set(beat.instance, own);
    }
  }
  const from_ms = looks[0]?.at_ms ?? 0;
  return new Map([...beats].map(([instance, own]) => [instance, new ProcessMeter(own, from_ms)]));
}

function sumOf(beat: Beat, name: string, labels: Labels): number {
  return beat.samples.reduce((sum, sample) => (isOf(sample, name, labels) ? sum + sample.value : sum), 0);
}

function isOf(sample: Sample, name: string, labels: Labels): boolean {
  return sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
}
