/** Counts what came back. Its size does not grow with the number of results. Pure. */
import type { Result } from "../../libs/shared/events/flow.ts";
import { nusd, usdOf } from "../../libs/shared/money.ts";

/** Each bucket is this much wider than the one before: a percentile is right within 1 %. */
const BUCKET_GROWTH = 1.02;

/** Latencies in buckets of growing width, as in HdrHistogram and DDSketch (arXiv 1908.10693). */
export class LatencyHistogram {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #max_ms = 0;

  add(latency_ms: number): void {
    const bucket = latency_ms <= 1 ? 0 : Math.round(Math.log(latency_ms) / Math.log(BUCKET_GROWTH));
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.#count += 1;
    this.#max_ms = Math.max(this.#max_ms, latency_ms);
  }

  /** The nearest-rank percentile, within 1 %; undefined when nothing was counted. @param share 0.5 for the median. */
  percentile_ms(share: number): number | undefined {
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (const [bucket, count] of [...this.#buckets].sort(([one], [other]) => one - other)) {
      left -= count;
      if (left <= 0) return Math.min(BUCKET_GROWTH ** bucket, this.#max_ms);
    }
    return undefined;
  }
}

/** What a job came to, for people and as `--json` prints it. */
export type Summary = {
  /** Lines or prompts read. */
  readonly read: number;
  readonly bad: number;
  readonly sent: number;
  /** Results by status. */
  readonly by_status: Readonly<Record<string, number>>;
  /** Results by what the caches did. */
  readonly by_cache: Readonly<Record<string, number>>;
  /** Sent, waited for and without a result when the wait ended. */
  readonly unanswered: number;
  /** Sent under an id that this job had sent before: one result answers them all. */
  readonly repeated_ids: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: number;
  readonly elapsed_ms: number;
  /** From the acknowledged send to the result's arrival; null when no result was waited for. */
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly requests_per_second: number;
};

/** Adds up a job as it goes. */
export class Tally {
  read = 0;
  bad = 0;
  sent = 0;
  unanswered = 0;
  repeated_ids = 0;
  answered = 0;
  readonly #latencies = new LatencyHistogram();
  readonly #by_status = new Map<string, number>();
  readonly #by_cache = new Map<string, number>();
  #prompt_tokens = 0;
  #completion_tokens = 0;
  #cost_nusd = 0;

  result(result: Result, latency_ms: number): void {
    this.answered += 1;
    this.#latencies.add(latency_ms);
    count(this.#by_status, result.status);
    if (result.route !== undefined) count(this.#by_cache, result.route.cache);
    this.#prompt_tokens += result.usage?.prompt_tokens ?? 0;
    this.#completion_tokens += result.usage?.completion_tokens ?? 0;
    this.#cost_nusd += nusd(result.usage?.cost_usd ?? 0);
  }

  get cost_usd(): number {
    return usdOf(this.#cost_nusd);
  }

  get succeeded(): number {
    return this.#by_status.get("succeeded") ?? 0;
  }

  summary(elapsed_ms: number): Summary {
    const { read, bad, sent, unanswered, repeated_ids, answered, cost_usd } = this;
    const done = answered > 0 ? answered : sent;
    return {
      read,
      bad,
      sent,
      by_status: Object.fromEntries(this.#by_status),
      by_cache: Object.fromEntries(this.#by_cache),
      unanswered,
      repeated_ids,
      prompt_tokens: this.#prompt_tokens,
      completion_tokens: this.#completion_tokens,
      cost_usd,
      elapsed_ms: Math.round(elapsed_ms),
      p50_ms: rounded(this.#latencies.percentile_ms(0.5)),
      p95_ms: rounded(this.#latencies.percentile_ms(0.95)),
      requests_per_second: elapsed_ms > 0 ? Math.round((done / elapsed_ms) * 10_000) / 10 : 0,
    };
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function rounded(value_ms: number | undefined): number | null {
  return value_ms === undefined ? null : Math.round(value_ms);
}
