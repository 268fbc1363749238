/** Our policy beside lag-only scaling, over the same traces: each at our steps, and each at those that Kubernetes has where nothing is set. Pure. */
import type { ScalingSettings } from "../../../libs/shared/config/scaling.ts";
import { DEFAULT_PACE, type Pace, SAME_PACE } from "./lag-scaler.ts";
import { PolicyScaler } from "./policy-scaler.ts";
import { type RunResult, run } from "./run.ts";
import { type Scenario, type ScenarioName, scenarioOf } from "./scenarios.ts";
import { mean, type Tuned, tuneLag, tunings } from "./tune.ts";

export const PACES = {
  own: { title: "+2 in 60 s, -1 in 300 s", lag: SAME_PACE, settings: {} },
  kubernetes: {
    title: "Kubernetes' default: +4 or double in 15 s, all down after 300 s",
    lag: DEFAULT_PACE,
    settings: { step_up_max: 4, cool_down_up_ms: 15_000, step_down_max: 16 },
  },
} as const satisfies Readonly<Record<string, { title: string; lag: Pace; settings: Partial<ScalingSettings> }>>;
export type PaceName = keyof typeof PACES;

/** Runs of one scenario at one pace, one of each for each seed. */
export type Comparison = {
  readonly scenario: ScenarioName;
  readonly pace: PaceName;
  readonly ours: readonly RunResult[];
  /** Lag-only scaling at its best; undefined where nothing that was tried keeps within our worker hours. */
  readonly lag: Tuned | undefined;
};

export type CompareOptions = {
  readonly seeds: readonly number[];
  /** Least numbers of workers that lag-only scaling may choose among. */
  readonly mins: readonly number[];
  /** Every so many thresholds is tried. */
  readonly every: number;
  /** Shorter runs, for tests. */
  readonly scale: number;
};

/** What is tried by default: a day is long, and few pairs say enough. */
export const TRIED: Readonly<Record<ScenarioName, Pick<CompareOptions, "mins" | "every">>> = {
  day: { mins: [1, 3], every: 2 },
  burst: { mins: [1, 2, 3, 4], every: 1 },
  ramp: { mins: [1, 2, 3, 4, 5, 6], every: 1 },
};

export function compare(name: ScenarioName, pace: PaceName, { seeds, mins, every, scale }: CompareOptions): Comparison {
  const scenarios = seeds.map((seed) => scenarioOf(name, seed, scale));
  const ours = scenarios.map((scenario) => runPolicy(scenario, PACES[pace].settings));
  const lag = tuneLag(scenarios, PACES[pace].lag, tunings(mins, every), mean(ours, "worker_hours"));
  return { scenario: name, pace, ours, lag };
}

export function runPolicy(
  { trace, fleet, settings, past, start_ms }: Scenario,
  changed: Partial<ScalingSettings>,
): RunResult {
  return run(trace, fleet, new PolicyScaler({ settings: { ...settings, ...changed }, fleet, past, start_ms }));
}

/** Fewer late records with at most the same worker hours. */
export function isBetter({ ours, lag }: Comparison): boolean {
  return lag === undefined || mean(ours, "late") < mean(lag.results, "late");
}
