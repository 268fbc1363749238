/** Differences summed up, one after the other, in bounded memory. Pure. */
import type { RunMode } from "../../../libs/shared/replay/replay.ts";
import { QuantileSketch } from "../../../libs/shared/rollout/sketch.ts";
import { ANSWERS, type Answers, type Difference, type Side } from "./difference.ts";

export type Quantiles = { readonly p50?: number; readonly p95?: number };

export type SideSum = {
  readonly by_status: Readonly<Record<string, number>>;
  readonly by_tier: Readonly<Record<string, number>>;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_nusd: number;
  readonly latency_ms: Quantiles;
};

/** From a tier (or `-`) to another. */
export type Move = { readonly from: string; readonly to: string; readonly count: number };

export type ComparisonSummary = {
  /** With an original; the sums of both sides are of these. */
  readonly compared: number;
  readonly without_original: number;
  readonly answers: Readonly<Record<Answers, number>>;
  /** Of those answered both times, the part with the same text or JSON; 1 where there is none. */
  readonly same_ratio: number;
  readonly original: SideSum;
  readonly replayed: SideSum;
  /** Replayed over original; undefined where the original cost nothing. */
  readonly cost_ratio?: number;
  readonly latency_p95_ratio?: number;
  /** Of answers whose distance is known, the same ones included; `known` of them. */
  readonly distance: { readonly known: number; readonly mean: number; readonly p95: number; readonly max: number };
  /** How many, by twentieths of the distance. */
  readonly distance_histogram: readonly number[];
  readonly tier_moves: readonly Move[];
  readonly errors: Readonly<Record<string, number>>;
};

/** For plots: a bounded part of all requests, evenly taken. */
export type Sample = {
  readonly cost_nusd: readonly [number, number];
  readonly latency_ms: readonly [number | null, number | null];
  readonly distance: number | null;
};

export type Comparison = {
  readonly replay: string;
  readonly mode: RunMode;
  readonly summary: ComparisonSummary;
  /** The worst first. */
  readonly worst: readonly Difference[];
  readonly sample: readonly Sample[];
};

const BINS = 20;
const SAMPLE_MAX = 1_000;
const MOVES_MAX = 50;
const ERRORS_MAX = 50;

type Counts = Map<string, number>;

/** Beyond `max` names all further ones are one. */
function count(counts: Counts, name: string, max: number): void {
  const known = counts.has(name) || counts.size < max ? name : "other";
  counts.set(known, (counts.get(known) ?? 0) + 1);
}

class SideFold {
  readonly #by_status: Counts = new Map();
  readonly #by_tier: Counts = new Map();
  readonly #latency = new QuantileSketch();
  #prompt_tokens = 0;
  #completion_tokens = 0;
  #cost_nusd = 0;

  add(side: Side): void {
    count(this.#by_status, side.status, ERRORS_MAX);
    if (side.tier !== undefined) count(this.#by_tier, side.tier, MOVES_MAX);
    if (side.latency_ms !== undefined) this.#latency.add(side.latency_ms);
    this.#prompt_tokens += side.prompt_tokens;
    this.#completion_tokens += side.completion_tokens;
    this.#cost_nusd += side.cost_nusd;
  }

  sum(): SideSum {
    const [p50, p95] = [this.#latency.quantile(0.5), this.#latency.quantile(0.95)];
    return {
      by_status: Object.fromEntries(this.#by_status),
      by_tier: Object.fromEntries(this.#by_tier),
      prompt_tokens: this.#prompt_tokens,
      completion_tokens: this.#completion_tokens,
      cost_nusd: this.#cost_nusd,
      latency_ms: p50 === undefined || p95 === undefined ? {} : { p50, p95 },
    };
  }
}

export class ComparisonFold {
  readonly #worst_max: number;
  readonly #answers = Object.fromEntries(ANSWERS.map((kind) => [kind, 0])) as Record<Answers, number>;
  readonly #original = new SideFold();
  readonly #replayed = new SideFold();
  readonly #distances = new QuantileSketch();
  readonly #histogram: number[] = new Array(BINS).fill(0);
  readonly #moves: Counts = new Map();
  readonly #errors: Counts = new Map();
  #worst: Difference[] = [];
  #sample: Sample[] = [];
  /** Every so many-th is in the sample. */
  #stride = 1;
  #compared = 0;
  #distance_sum = 0;
  #distance_max = 0;

  constructor(worst_max: number) {
    this.#worst_max = worst_max;
  }

  add(difference: Difference): void {
    this.#answers[difference.answers] += 1;
    const { original, replayed, distance } = difference;
    if (replayed.error_code !== undefined) count(this.#errors, replayed.error_code, ERRORS_MAX);
    if (original === undefined) return;
    this.#original.add(original);
    this.#replayed.add(replayed);
    count(this.#moves, `${original.tier ?? "-"} ${replayed.tier ?? "-"}`, MOVES_MAX);
    if (distance !== undefined) this.#addDistance(distance);
    this.#keepSample(difference, original);
    this.#compared += 1;
    if (difference.severity > 0) this.#keepWorst(difference);
  }

  /** @param replay what was compared. */
  comparison(replay: string, mode: RunMode): Comparison {
    return { replay, mode, summary: this.#summary(), worst: this.#sorted(), sample: this.#sample };
  }

  #summary(): ComparisonSummary {
    const [original, replayed] = [this.#original.sum(), this.#replayed.sum()];
    const same = this.#answers.same_text + this.#answers.same_json;
    const both = same + this.#answers.different;
    const known = this.#distances.count;
    const [before, after] = [original.latency_ms.p95, replayed.latency_ms.p95];
    return {
      compared: this.#compared,
      without_original: this.#answers.no_original,
      answers: { ...this.#answers },
      same_ratio: both === 0 ? 1 : same / both,
      original,
      replayed,
      ...(original.cost_nusd === 0 ? {} : { cost_ratio: replayed.cost_nusd / original.cost_nusd }),
      ...(before === undefined || after === undefined || before === 0 ? {} : { latency_p95_ratio: after / before }),
      distance: {
        known,
        mean: known === 0 ? 0 : this.#distance_sum / known,
        p95: this.#distance95(),
        max: this.#distance_max,
      },
      distance_histogram: [...this.#histogram],
      tier_moves: this.#tierMoves(),
      errors: Object.fromEntries(this.#errors),
    };
  }

  /** The sketch takes what is below 1 for nothing: distances are kept as millionths. */
  #addDistance(distance: number): void {
    this.#distances.add(distance * 1e6);
    this.#distance_sum += distance;
    this.#distance_max = Math.max(this.#distance_max, distance);
    const bin = Math.min(BINS - 1, Math.floor(distance * BINS));
    this.#histogram[bin] = (this.#histogram[bin] ?? 0) + 1;
  }

  #distance95(): number {
    const millionths = this.#distances.quantile(0.95) ?? 0;
    return millionths < 1 ? 0 : Math.min(this.#distance_max, millionths / 1e6);
  }

  /** An even part: when there are too many, every other one goes and only every other further one is taken. */
  #keepSample({ replayed, distance }: Difference, original: Side): void {
    if (this.#compared % this.#stride !== 0) return;
    this.#sample.push({
      cost_nusd: [original.cost_nusd, replayed.cost_nusd],
      latency_ms: [original.latency_ms ?? null, replayed.latency_ms ?? null],
      distance: distance ?? null,
    });
    if (this.#sample.length <= SAMPLE_MAX) return;
    this.#sample = this.#sample.filter((_, index) => index % 2 === 0);
    this.#stride *= 2;
  }

  #keepWorst(difference: Difference): void {
    this.#worst.push(difference);
    if (this.#worst.length > 4 * this.#worst_max) this.#worst = this.#sorted();
  }

  #sorted(): Difference[] {
    const order = (left: Difference, right: Difference): number =>
      right.severity - left.severity || (left.id < right.id ? -1 : Number(left.id > right.id));
    return this.#worst.toSorted(order).slice(0, this.#worst_max);
  }

  #tierMoves(): Move[] {
    return [...this.#moves]
      .map(([pair, count]) => {
        const [from = "-", to = "-"] = pair.split(" ");
        return { from, to, count };
      })
      .sort((left, right) => right.count - left.count);
  }
}
