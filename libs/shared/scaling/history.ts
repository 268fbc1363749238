/** What is kept of the past for the forecast: arrivals by five minutes, for so many weeks and no more. Pure. */

export const BUCKET_MS = 5 * 60_000;
export const DAY_MS = 24 * 60 * 60_000;
export const WEEK_MS = 7 * DAY_MS;

/** Records that arrived for one target in the five minutes from `start_ms` (epoch, a multiple of `BUCKET_MS`). */
export type ArrivalBucket = {
  readonly start_ms: number;
  readonly records: number;
  /** Of the bucket, the time that was observed: a scaler that was away has seen less than all of it. */
  readonly observed_ms: number;
};

export function bucketStart(at_ms: number): number {
  return Math.floor(at_ms / BUCKET_MS) * BUCKET_MS;
}

/** Buckets by their start, oldest first out. At most `buckets_max`. */
export class ArrivalHistory {
  readonly #buckets = new Map<number, ArrivalBucket>();
  readonly #keep_ms: number;

  /** @param keep_ms what lies longer back than this, of the newest, is let go. */
  constructor(keep_ms: number, buckets: readonly ArrivalBucket[] = []) {
    this.#keep_ms = keep_ms;
    const sorted = [...buckets].sort((one, other) => one.start_ms - other.start_ms);
    for (const bucket of sorted) this.#buckets.set(bucket.start_ms, bucket);
    this.#trim(sorted.at(-1)?.start_ms ?? 0);
  }

  /** Counts what arrived from `from_ms` to `to_ms`; a stretch over several buckets is shared among them by time. */
  add(from_ms: number, to_ms: number, records: number): void {
    if (to_ms <= from_ms) return;
    const begin_ms = Math.max(from_ms, to_ms - this.#keep_ms);
    for (let start_ms = bucketStart(begin_ms); start_ms < to_ms; start_ms += BUCKET_MS) {
      const observed_ms = Math.min(to_ms, start_ms + BUCKET_MS) - Math.max(begin_ms, start_ms);
      const before = this.#buckets.get(start_ms) ?? { start_ms, records: 0, observed_ms: 0 };
      this.#buckets.set(start_ms, {
        start_ms,
        records: before.records + (records * observed_ms) / (to_ms - from_ms),
        observed_ms: Math.min(BUCKET_MS, before.observed_ms + observed_ms),
      });
    }
    this.#trim(to_ms);
  }

  /** Records a second in the bucket that begins at `start_ms`; undefined where less than half of it was observed. */
  rate(start_ms: number): number | undefined {
    const bucket = this.#buckets.get(start_ms);
    if (bucket === undefined || bucket.observed_ms < BUCKET_MS / 2) return undefined;
    return (1_000 * bucket.records) / bucket.observed_ms;
  }

  get(start_ms: number): ArrivalBucket | undefined {
    return this.#buckets.get(start_ms);
  }

  get size(): number {
    return this.#buckets.size;
  }

  #trim(newest_ms: number): void {
    for (const start_ms of this.#buckets.keys()) {
      if (start_ms >= newest_ms - this.#keep_ms) return;
      this.#buckets.delete(start_ms);
    }
  }
}
