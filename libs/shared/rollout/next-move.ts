/** What becomes of a rollout: on to the next stage, back, or as it is. Pure. */
import type { RolloutSettings } from "../config/routing.ts";
import type { RolloutEvent } from "../events/control.ts";
import { type Check, checkSides } from "./bounds.ts";
import type { BothSides } from "./side-stats.ts";

export type Move =
  | { readonly kind: "stay"; readonly why: string }
  /** `done` after the last stage. */
  | { readonly kind: "move"; readonly status: "running" | "done"; readonly percent: number; readonly why: string }
  | { readonly kind: "roll_back"; readonly why: string };

export type MoveSettings = Omit<RolloutSettings, "automatic" | "check_interval_ms">;

/**
 * Back as soon as a bound is broken beyond chance; on when the stage is over, the new side has its results, and all that was seen is
 * within bounds. Everything else stays, also where there is nothing to compare with: a rollout is never moved by a lack of figures.
 */
export function nextMove(state: RolloutEvent, sides: BothSides, settings: MoveSettings, now_ms: number): Move {
  if (state.status !== "running") return stay(`it is ${state.status.replace("_", " ")}`);
  if (!state.automatic) return stay("it is moved by hand");
  const checks = checkSides(sides, settings);
  const broken = checks?.find(({ verdict }) => verdict === "broken");
  if (broken !== undefined) return { kind: "roll_back", why: checkText(broken) };
  const left_ms = state.stage_ms + settings.stage_minutes * 60_000 - now_ms;
  if (left_ms > 0) return stay(`the stage lasts ${Math.ceil(left_ms / 60_000)} min more`);
  if (sides.new.results < settings.results_min) {
    return stay(`the new side has ${sides.new.results} of ${settings.results_min} results`);
  }
  if (checks === undefined) return stay(`the old side has only ${sides.old.results} results to compare with`);
  const unclear = checks.find(({ verdict }) => verdict === "unclear");
  if (unclear !== undefined) return stay(`${checkText(unclear)}; that may still be chance`);
  const why = checks.map(checkText).join("; ").slice(0, 500);
  if (state.percent >= 100) return { kind: "move", status: "done", percent: 100, why };
  return { kind: "move", status: "running", percent: nextStage(state.percent, settings.stages), why };
}

/** The stage above a percentage; 100 after the last. */
export function nextStage(percent: number, stages: readonly number[]): number {
  return stages.find((stage) => stage > percent) ?? 100;
}

function stay(why: string): Move {
  return { kind: "stay", why };
}

/** `failed 4.0 % beside 0.5 %, at most 2.5 %`. */
export function checkText({ of, new: now, old, bound }: Check): string {
  const figure = FIGURES[of];
  const at_most = bound === undefined ? "" : `, at most ${figure(bound)}`;
  return `${WORDS[of]} ${figure(now)} beside ${figure(old)}${at_most}`;
}

const WORDS = { failed: "failed", latency: "latency p95", cost: "mean cost" } as const;

const FIGURES: Readonly<Record<Check["of"], (value: number | undefined) => string>> = {
  failed: (value) => (value === undefined ? "-" : `${(value * 100).toFixed(1)} %`),
  latency: (value) => (value === undefined ? "-" : `${Math.round(value)} ms`),
  cost: (value) => (value === undefined ? "-" : `$${value.toPrecision(3)}`),
};
