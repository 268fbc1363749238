/** What a scenario of this benchmark is, and the figures that it gives. */
import type { InferenceStack, StackOptions } from "./stack.ts";

/** In the figure's own unit. */
export type Target = { readonly at_least: number } | { readonly at_most: number };

export type Figure = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target;
  /** The ideal, or another way to do the same work, measured in the same run; shown with the ratio of the figure to it. */
  readonly beside?: { readonly name: string; readonly value: number };
};

export type Bench = {
  /** Length of the measured part. */
  readonly seconds: number;
  /** Starts a Sluice of the scenario's own; it is stopped when the scenario is over, whatever became of it. */
  start(options: StackOptions): Promise<InferenceStack>;
  /** One line for a person who waits. */
  say(line: string): void;
};

export type Scenario = {
  readonly name: string;
  /** For `--help`. */
  readonly summary: string;
  readonly seconds: number;
  run(bench: Bench): Promise<readonly Figure[]>;
};
