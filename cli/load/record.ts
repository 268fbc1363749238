/** What is kept of a load run: one JSON file that stands by itself, and what is worked out from it. Pure. */
import { FIGURE_NAMES, type FigureName, FigureSet, type Percentiles } from "./figures.ts";
import type { Recorded } from "./recorder.ts";
import type { Scenario, Targets } from "./scenario.ts";

/** What answered, so that two runs can be told apart. */
export type Versions = {
  /** Of this checkout; undefined where it is none of git's. */
  readonly git: { readonly revision: string; readonly is_changed: boolean } | undefined;
  readonly settings_sha256: string;
  readonly price_version: string;
  readonly tiers: Readonly<
    Record<
      string,
      {
        readonly models: readonly string[];
        /** Of the system prompt that is put before the messages, and its text's hash. */
        readonly prompt?: { readonly version: string; readonly sha256: string };
      }
    >
  >;
};

export type Machine = {
  readonly cores: number;
  readonly cpu: string;
  readonly memory_bytes: number;
  readonly node: string;
  readonly platform: string;
};

export type RunRecord = {
  readonly format: 1;
  readonly run: string;
  readonly scenario: {
    readonly name: string;
    /** The file as it was read, and its hash. */
    readonly text: string;
    readonly sha256: string;
    /** As it was run: with `--duration`, `--rate` and `--seed`. */
    readonly as_run: Scenario;
  };
  readonly started_ms: number;
  /** Of all phases, as planned. */
  readonly planned_ms: number;
  /** From the first arrival to the last answer. */
  readonly took_ms: number;
  readonly was_stopped: boolean;
  readonly workers: number;
  readonly target: {
    readonly gateway: string | undefined;
    readonly kafka: string | undefined;
    readonly is_mock: boolean;
  };
  /** Changes of the fault schedule that the mock did not take. */
  readonly fault_problems: number;
  readonly versions: Versions;
  readonly machine: Machine;
  readonly step_ms: number;
  readonly recorded: Recorded;
  /** Of the histograms, for who reads the file with other tools. */
  readonly figures: Partial<Record<FigureName, Percentiles>>;
};

export type TargetResult = {
  readonly target: keyof Targets;
  readonly limit: number;
  /** Undefined where there was nothing to measure: then it is missed. */
  readonly value?: number;
  readonly met: boolean;
};

export function checkTargets({ figures, recorded, scenario }: RunRecord): TargetResult[] {
  const { asked, sent, failed, timed_out, not_sent } = recorded.counts;
  const measured: readonly [keyof Targets, number | undefined][] = [
    ["latency_p95_ms_max", figures.latency?.p95],
    ["latency_p99_ms_max", figures.latency?.p99],
    ["first_token_p95_ms_max", figures.first_token?.p95],
    ["error_ratio_max", sent === 0 ? undefined : (failed + timed_out) / sent],
    ["not_sent_ratio_max", asked === 0 ? undefined : not_sent / asked],
  ];
  return measured.flatMap(([target, value]) => {
    const limit = scenario.as_run.targets[target];
    if (limit === undefined) return [];
    return [{ target, limit, ...(value === undefined ? {} : { value }), met: value !== undefined && value <= limit }];
  });
}

export function figuresOf({ histograms }: Pick<Recorded, "histograms">): FigureSet {
  const figures = new FigureSet();
  figures.add(histograms);
  return figures;
}

/** The percentiles by name, in the order of the report. */
export function figureRows({ figures }: Pick<RunRecord, "figures">): [FigureName, Percentiles][] {
  return FIGURE_NAMES.flatMap((name): [FigureName, Percentiles][] => {
    const one = figures[name];
    return one === undefined ? [] : [[name, one]];
  });
}

/** The generator was late for more than a hundredth of its requests by so much: then its figures are its own as well. */
const BEHIND_MS_MAX = 50;

/** What a reader must know before the figures; in sentences. */
export function warningsOf({ figures, recorded, was_stopped, fault_problems }: RunRecord): string[] {
  const { counts } = recorded;
  const { behind } = figures;
  const late = behind !== undefined && behind.p99 > BEHIND_MS_MAX;
  return [
    ...(late
      ? [
          `the generator fell behind: a hundredth of its requests went out ${Math.round(behind.p99)} ms or more after they were due (at most ${Math.round(behind.max)} ms); latencies count it, and --workers or another machine would take it away`,
        ]
      : []),
    ...(counts.not_sent > 0
      ? [
          `${counts.not_sent} of ${counts.asked} requests were not sent: as many as in_flight_max allows were open; they are in no latency`,
        ]
      : []),
    ...(was_stopped ? ["the run was stopped before its end"] : []),
    ...(fault_problems > 0 ? [`${fault_problems} changes of the fault schedule did not reach the mock model`] : []),
  ];
}
