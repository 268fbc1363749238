/** The figures of a load run: what each is called, its unit, and the HDR histograms that hold them. Pure. */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";

type Figure = {
  readonly title: string;
  readonly unit: "ms" | "tokens/s" | "usd";
  /** Whole numbers are kept: the value times this. */
  readonly scale: number;
};

/** Latencies are of good answers; failures and time-outs are counted by themselves. */
export const FIGURES = {
  first_token: { title: "time to first token", unit: "ms", scale: 1_000 },
  between_tokens: { title: "between tokens", unit: "ms", scale: 1_000 },
  latency: { title: "whole latency, from when it was due", unit: "ms", scale: 1_000 },
  from_sent: { title: "whole latency, from when it was sent", unit: "ms", scale: 1_000 },
  pipeline: { title: "in the pipeline: received to completed", unit: "ms", scale: 1_000 },
  pipeline_first_token: { title: "in the pipeline: received to first token", unit: "ms", scale: 1_000 },
  tokens_per_s: { title: "tokens a second of an answer", unit: "tokens/s", scale: 1_000 },
  cost: { title: "cost of a request", unit: "usd", scale: 1e9 },
  session_cost: { title: "cost of a session", unit: "usd", scale: 1e9 },
  session: { title: "a whole session", unit: "ms", scale: 1_000 },
  behind: { title: "generator: sent later than due", unit: "ms", scale: 1_000 },
} as const satisfies Record<string, Figure>;
export type FigureName = keyof typeof FIGURES;
export const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

/** An hour, or ten thousand dollars: what is more counts as so much. */
const HIGHEST: Readonly<Record<Figure["unit"], number>> = { ms: 3.6e9, "tokens/s": 1e9, usd: 1e13 };

/** In the figure's unit. */
export type Percentiles = {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
};

export class FigureSet {
  readonly #histograms = new Map<FigureName, Histogram>();

  /** @param value in the figure's unit. */
  record(name: FigureName, value: number): void {
    const { scale, unit } = FIGURES[name];
    const whole = Math.round(value * scale);
    this.#of(name).recordValue(Math.min(Math.max(0, whole), HIGHEST[unit]));
  }

  add(encoded: Readonly<Partial<Record<FigureName, string>>>): void {
    for (const [name, text] of Object.entries(encoded)) {
      this.#of(name as FigureName).add(decodeFromCompressedBase64(text));
    }
  }

  /** Each as HdrHistogram's V2 encoding, deflated, in base 64: other tools of that name read it too. */
  encoded(): Partial<Record<FigureName, string>> {
    return Object.fromEntries([...this.#histograms].map(([name, one]) => [name, encodeIntoCompressedBase64(one)]));
  }

  /** Of those that have values. */
  percentiles(): Partial<Record<FigureName, Percentiles>> {
    return Object.fromEntries(
      FIGURE_NAMES.flatMap((name) => {
        const one = this.#histograms.get(name);
        return one === undefined || one.totalCount === 0 ? [] : [[name, percentilesOf(one, FIGURES[name].scale)]];
      }),
    );
  }

  /** The figure's value below which so many percent lie, for each of them; nothing where there are no values. */
  distribution(name: FigureName, percents: readonly number[]): number[] {
    const one = this.#histograms.get(name);
    if (one === undefined || one.totalCount === 0) return [];
    return percents.map((percent) => one.getValueAtPercentile(percent) / FIGURES[name].scale);
  }

  #of(name: FigureName): Histogram {
    const known = this.#histograms.get(name);
    if (known !== undefined) return known;
    const made = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: HIGHEST[FIGURES[name].unit],
      numberOfSignificantValueDigits: 3,
      bitBucketSize: 32,
      autoResize: false,
    });
    this.#histograms.set(name, made);
    return made;
  }
}

function percentilesOf(histogram: Histogram, scale: number): Percentiles {
  const at = (percent: number): number => histogram.getValueAtPercentile(percent) / scale;
  return {
    count: histogram.totalCount,
    mean: histogram.mean / scale,
    p50: at(50),
    p95: at(95),
    p99: at(99),
    max: histogram.maxValue / scale,
  };
}
