/**
 * Two recorded runs side by side: figures, differences, and whether those matter. That is asked of a moving-block bootstrap (Künsch, "The
 * Jackknife and the Bootstrap for General Stationary Observations", 1989): runs are put together anew from stretches of their own steps, a
 * thousand times, and a difference matters where 95 % of them agree on its sign. Requests that are under way together are slow together,
 * so single requests are no samples; stretches of time are. Pure.
 */
import { Random } from "../../tools/simulate/random.ts";
import { FIGURES, type FigureName } from "./figures.ts";
import type { RunRecord } from "./record.ts";
import { bucketMs, type Step, type StepTime } from "./steps.ts";

export type Row = {
  readonly name: string;
  readonly unit: "ms" | "tokens/s" | "usd" | "ratio" | "per_s";
  readonly before: number;
  readonly after: number;
  /** After over before, less 1; undefined where before is 0. */
  readonly change: number | undefined;
  /** Where 95 % of the differences lie, in the unit; undefined where the runs have too few steps, or none for this figure. */
  readonly interval: readonly [low: number, high: number] | undefined;
  /** Undefined where it cannot be told. */
  readonly matters: boolean | undefined;
};

export type Comparison = {
  readonly before: string;
  readonly after: string;
  readonly rows: readonly Row[];
  /** What is not the same beside the figures, in words: then the difference may be its doing. */
  readonly differs: readonly string[];
};

const PERCENTS = [50, 95, 99] as const;
const TIMED: readonly StepTime[] = ["latency", "first_token", "pipeline"];
const UNTIMED: readonly FigureName[] = ["between_tokens", "tokens_per_s", "session", "session_cost"];
const DRAWS = 1_000;
/** With fewer steps there is nothing to draw from. */
const STEPS_MIN = 8;
const TAIL = 0.025;

export function compareRuns(before: RunRecord, after: RunRecord, seed = 1): Comparison {
  const timed = TIMED.flatMap((name) =>
    PERCENTS.flatMap((percent) => percentileRow(before, after, name, percent, seed)),
  );
  return {
    before: before.run,
    after: after.run,
    rows: [...timed, ...UNTIMED.flatMap((name) => untimedRows(before, after, name)), ...ratioRows(before, after, seed)],
    differs: differences(before, after),
  };
}

function percentileRow(
  before: RunRecord,
  after: RunRecord,
  name: StepTime,
  percent: 50 | 95 | 99,
  seed: number,
): Row[] {
  const [one, other] = [before.figures[name], after.figures[name]];
  if (one === undefined || other === undefined) return [];
  const key = `p${percent}` as const;
  const drawn = [before, after].map((run) => drawnPercentiles(run.recorded.steps, name, percent, seed));
  return [row(`${FIGURES[name].title}, ${key}`, "ms", one[key], other[key], drawn[0], drawn[1])];
}

/** The maximum and what has no steps: told, not judged. */
function untimedRows(before: RunRecord, after: RunRecord, name: FigureName): Row[] {
  const [one, other] = [before.figures[name], after.figures[name]];
  if (one === undefined || other === undefined) return [];
  const { title, unit } = FIGURES[name];
  return PERCENTS.map((percent) => {
    const key = `p${percent}` as const;
    return row(`${title}, ${key}`, unit, one[key], other[key], undefined, undefined);
  });
}

type Ratio = {
  readonly name: string;
  readonly unit: Row["unit"];
  readonly over: (step: Step) => number;
  readonly under: (step: Step, step_ms: number) => number;
};

const RATIOS: readonly Ratio[] = [
  {
    name: "errors and time-outs, of what was sent",
    unit: "ratio",
    over: (step) => step.failed + step.timed_out,
    under: ({ sent }) => sent,
  },
  { name: "not sent, of what was asked", unit: "ratio", over: ({ not_sent }) => not_sent, under: ({ asked }) => asked },
  {
    name: "cache hits, of what was answered",
    unit: "ratio",
    over: ({ hits }) => hits,
    under: ({ answered }) => answered,
  },
  {
    name: "cost of a request",
    unit: "usd",
    over: ({ cost_nusd }) => cost_nusd / 1e9,
    under: ({ answered }) => answered,
  },
  {
    name: "answered a second",
    unit: "per_s",
    over: ({ answered }) => answered,
    under: (_, step_ms) => step_ms / 1_000,
  },
  {
    name: "tokens a second, all together",
    unit: "per_s",
    over: ({ tokens }) => tokens,
    under: (_, step_ms) => step_ms / 1_000,
  },
];

function ratioRows(before: RunRecord, after: RunRecord, seed: number): Row[] {
  return RATIOS.map(({ name, unit, over, under }) => {
    const of = ({ recorded, step_ms }: RunRecord, steps: readonly Step[] = recorded.steps): number => {
      const all = steps.reduce((sum, step) => sum + under(step, step_ms), 0);
      return all === 0 ? 0 : steps.reduce((sum, step) => sum + over(step), 0) / all;
    };
    const drawn = [before, after].map((run) =>
      draws(run.recorded.steps.length, seed)?.map((chosen) =>
        of(
          run,
          chosen.map((at) => run.recorded.steps[at] as Step),
        ),
      ),
    );
    return row(name, unit, of(before), of(after), drawn[0], drawn[1]);
  });
}

function row(
  name: string,
  unit: Row["unit"],
  before: number,
  after: number,
  drawn_before: readonly number[] | undefined,
  drawn_after: readonly number[] | undefined,
): Row {
  const change = before === 0 ? undefined : after / before - 1;
  if (drawn_before === undefined || drawn_after === undefined) {
    return { name, unit, before, after, change, interval: undefined, matters: undefined };
  }
  const gaps = drawn_after.map((value, index) => value - (drawn_before[index] ?? 0)).sort((one, other) => one - other);
  const low = gaps[Math.floor(TAIL * gaps.length)] ?? 0;
  const high = gaps[Math.ceil((1 - TAIL) * gaps.length) - 1] ?? 0;
  return { name, unit, before, after, change, interval: [low, high], matters: low > 0 || high < 0 };
}

/**
 * Steps for each draw, as stretches of about the cube root of their number. Both runs draw with the same seed: a figure that is the same
 * in both has no difference.
 */
function draws(steps: number, seed: number): number[][] | undefined {
  if (steps < STEPS_MIN) return undefined;
  const length = Math.max(1, Math.round(Math.cbrt(steps)));
  const random = new Random(seed);
  return Array.from({ length: DRAWS }, () => {
    const chosen: number[] = [];
    while (chosen.length < steps) {
      const from = random.int(0, steps - length);
      for (let at = from; at < from + length && chosen.length < steps; at += 1) chosen.push(at);
    }
    return chosen;
  });
}

/** A percentile of each draw. Buckets are numbered anew, so that a draw is a sum of short rows. */
function drawnPercentiles(steps: readonly Step[], name: StepTime, percent: number, seed: number): number[] | undefined {
  const buckets = [...new Set(steps.flatMap((step) => step[name].map(([bucket]) => bucket)))].sort(
    (one, other) => one - other,
  );
  const places = new Map(buckets.map((bucket, place) => [bucket, place]));
  const rows = steps.map((step) => step[name].map(([bucket, count]) => [places.get(bucket) as number, count] as const));
  const counts = new Float64Array(buckets.length);
  return draws(steps.length, seed)?.map((chosen) => {
    counts.fill(0);
    let total = 0;
    for (const at of chosen) {
      for (const [place, count] of rows[at] ?? []) {
        counts[place] = (counts[place] as number) + count;
        total += count;
      }
    }
    let left = Math.max(1, Math.ceil((percent / 100) * total));
    for (const [place, count] of counts.entries()) {
      left -= count;
      if (left <= 0) return bucketMs(buckets[place] as number);
    }
    return 0;
  });
}

function differences(before: RunRecord, after: RunRecord): string[] {
  const said: [string, (run: RunRecord) => unknown][] = [
    ["the scenario's file", ({ scenario }) => scenario.sha256],
    ["how the scenario was scaled", ({ scenario }) => scenario.as_run],
    ["the revision", ({ versions }) => versions.git],
    ["the settings", ({ versions }) => versions.settings_sha256],
    ["the price list", ({ versions }) => versions.price_version],
    ["models or prompts of tiers", ({ versions }) => versions.tiers],
    ["the machine", ({ machine }) => machine],
    ["the number of generators", ({ workers }) => workers],
  ];
  return said.filter(([, of]) => JSON.stringify(of(before)) !== JSON.stringify(of(after))).map(([name]) => name);
}

/** What may grow, as parts of what it was: 0.1 is 10 %. Of errors: percentage points as parts, 0.01 is one point. */
export type Gates = {
  readonly p50_increase_max?: number;
  readonly p95_increase_max?: number;
  readonly p99_increase_max?: number;
  readonly first_token_p95_increase_max?: number;
  readonly cost_increase_max?: number;
  readonly errors_increase_max?: number;
};

export type GateResult = {
  readonly gate: keyof Gates;
  readonly limit: number;
  /** Undefined where there was nothing to measure: then the gate is not passed. */
  readonly value?: number;
  readonly passed: boolean;
};

const GATED: Readonly<Record<keyof Gates, string>> = {
  p50_increase_max: `${FIGURES.latency.title}, p50`,
  p95_increase_max: `${FIGURES.latency.title}, p95`,
  p99_increase_max: `${FIGURES.latency.title}, p99`,
  first_token_p95_increase_max: `${FIGURES.first_token.title}, p95`,
  cost_increase_max: "cost of a request",
  errors_increase_max: "errors and time-outs, of what was sent",
};

/** @param only_what_matters a difference that may be chance passes. */
export function checkGates({ rows }: Comparison, gates: Gates, only_what_matters: boolean): GateResult[] {
  return (Object.keys(GATED) as (keyof Gates)[]).flatMap((gate): GateResult[] => {
    const limit = gates[gate];
    if (limit === undefined) return [];
    const found = rows.find(({ name }) => name === GATED[gate]);
    if (found === undefined) return [{ gate, limit, passed: false }];
    const { before, after, change, matters } = found;
    const free = before === 0 && after === 0 ? 0 : undefined;
    const value = gate === "errors_increase_max" ? after - before : (change ?? free);
    if (value === undefined) return [{ gate, limit, passed: false }];
    const by_chance = only_what_matters && matters === false;
    return [{ gate, limit, value, passed: value <= limit || by_chance }];
  });
}
