/** What a scenario of this benchmark is, and what it may start: a Redis of its own. */
import { ROOT } from "../../cli/context.ts";
import { type BenchRedis, startBenchRedis } from "../support/redis.ts";
import type * as scenarios from "../support/scenarios.ts";

export type Bench = scenarios.Bench<void, BenchRedis>;
export type Scenario = scenarios.Scenario<void, BenchRedis>;

export function startRouterStack(scenario: string, signal: AbortSignal): Promise<BenchRedis> {
  return startBenchRedis(ROOT, `bench-router-${scenario}`, signal);
}
