/** A day, a burst and a ramp: what arrives, what was seen before, and what the workers are like. Pure. */
import { type ScalingSettings, scalingSchema } from "../../../libs/shared/config/scaling.ts";
import { type ArrivalBucket, DAY_MS, WEEK_MS } from "../../../libs/shared/scaling/history.ts";
import { Random } from "../random.ts";
import type { FleetOptions } from "./fleet.ts";
import { dayNoise, pastWeeks, type Rate, type Trace, traceOf, weekRate } from "./traffic.ts";

export const SCENARIOS = ["day", "burst", "ramp"] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export type Scenario = {
  readonly name: ScenarioName;
  readonly seed: number;
  readonly trace: Trace;
  readonly past: readonly ArrivalBucket[];
  readonly start_ms: number;
  readonly fleet: FleetOptions;
  readonly settings: ScalingSettings;
};

const MINUTE_MS = 60_000;
const SERVICE = { mean_ms: 800, sigma: 0.5 };
const TARGET_AGE_MS = 5_000;
const FLEET = { partitions: 24, places: 4, start_up_ms: 20_000, rebalance_ms: 3_000, target_age_ms: TARGET_AGE_MS };
const REPLICAS_MAX = 16;

/** A Monday in 2025, for a simulation in which weeks begin where the epoch's do. */
const MONDAY_MS = 2_900 * WEEK_MS;
const WEEKS = 4;

export function scenarioOf(name: ScenarioName, seed: number, scale = 1): Scenario {
  const random = new Random(seed);
  const draw = (): number => random.next();
  const { rate, duration_ms, past, start_ms } = SHAPES[name](draw, scale);
  const trace = traceOf(rate, duration_ms, SERVICE, FLEET.partitions, draw);
  const settings = scalingSchema.parse({ default_bounds: { min: 1, max: REPLICAS_MAX }, target_age_ms: TARGET_AGE_MS });
  const work = (rate(0) * SERVICE.mean_ms) / 1_000 / FLEET.places;
  const replicas = Math.max(1, Math.ceil(work / settings.target_utilisation));
  return { name, seed, trace, past, start_ms, settings, fleet: { ...FLEET, replicas } };
}

type Shape = {
  readonly rate: Rate;
  readonly duration_ms: number;
  readonly past: readonly ArrivalBucket[];
  readonly start_ms: number;
};

/** `scale` below 1 makes the day shorter: its first hours alone. */
const SHAPES: Readonly<Record<ScenarioName, (draw: () => number, scale: number) => Shape>> = {
  /** A Tuesday after four weeks that were like it, each day with a level of its own. */
  day(draw, scale) {
    const week = weekRate(40);
    const noise = dayNoise(draw);
    const start_ms = MONDAY_MS + DAY_MS;
    const past = pastWeeks((at_ms) => week(at_ms - MONDAY_MS), WEEKS, start_ms, draw);
    return { rate: (at_ms) => week(DAY_MS + at_ms) * noise(at_ms), duration_ms: DAY_MS * scale, past, start_ms };
  },
  /** A quarter of an hour of three to four times as much, in eight hours: nobody has seen one before. */
  burst: (draw, scale) => {
    const minute = MINUTE_MS * scale;
    const high = 12 + 4 * draw();
    const from_ms = (120 + 240 * draw()) * minute;
    const rate: Rate = (at_ms) => (at_ms >= from_ms && at_ms < from_ms + 15 * minute ? high : 4);
    return { rate, duration_ms: 480 * minute, past: [], start_ms: MONDAY_MS };
  },
  ramp: (draw, scale) => {
    const minute = MINUTE_MS * scale;
    const top = 36 + 8 * draw();
    const up = (at_ms: number): number => Math.min(1, Math.max(0, (at_ms - 20 * minute) / (8 * minute)));
    const down = (at_ms: number): number => Math.min(1, Math.max(0, (at_ms - 80 * minute) / (8 * minute)));
    return {
      rate: (at_ms) => 4 + (top - 4) * (up(at_ms) - down(at_ms)),
      duration_ms: 180 * minute,
      past: [],
      start_ms: MONDAY_MS,
    };
  },
};
