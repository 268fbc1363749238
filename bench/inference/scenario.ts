/** What a scenario of this benchmark is. */
import type * as scenarios from "../support/scenarios.ts";
import type { InferenceStack, StackOptions } from "./stack.ts";

export type Bench = scenarios.Bench<StackOptions, InferenceStack>;
/** Each on a Sluice of its own. */
export type Scenario = scenarios.Scenario<StackOptions, InferenceStack>;
