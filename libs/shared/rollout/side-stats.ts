/** What both sides of a rollout came to, folded from results. Pure. */
import type { RolloutEvent } from "../events/control.ts";
import type { ResultHead } from "../events/flow.ts";
import { QuantileSketch } from "./sketch.ts";

/** The old side is looked at from so long before the stage began: at 100 % there is none of it any more. */
export const BASELINE_MS = 3_600_000;

export type Spread = {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
};

/** One side. */
export class SideStats {
  #results = 0;
  #failed = 0;
  #sum = 0;
  #squares = 0;
  readonly #latencies = new QuantileSketch();

  add({ failed, latency_ms, cost_usd }: Observed): void {
    this.#results += 1;
    if (failed) {
      this.#failed += 1;
      return;
    }
    if (latency_ms !== undefined) this.#latencies.add(latency_ms);
    this.#sum += cost_usd;
    this.#squares += cost_usd * cost_usd;
  }

  get results(): number {
    return this.#results;
  }

  get failed(): number {
    return this.#failed;
  }

  /** Milliseconds from the call to the answer, of those that succeeded. */
  get latencies(): Pick<QuantileSketch, "count" | "quantile"> {
    return this.#latencies;
  }

  /** US dollars of each that succeeded. */
  get costs(): Spread {
    return { count: this.#results - this.#failed, sum: this.#sum, squares: this.#squares };
  }
}

export type Observed = { readonly failed: boolean; readonly latency_ms: number | undefined; readonly cost_usd: number };

export type BothSides = { readonly new: SideStats; readonly old: SideStats };

/** Both sides of one rollout in its present stage. */
export class StageStats implements BothSides {
  readonly new = new SideStats();
  readonly old = new SideStats();
  readonly #state: Pick<RolloutEvent, "name" | "stage_ms" | "percent">;

  constructor(state: Pick<RolloutEvent, "name" | "stage_ms" | "percent">) {
    this.#state = state;
  }

  /** Where reading of results begins, epoch ms. */
  get from_ms(): number {
    return this.#state.stage_ms - BASELINE_MS;
  }

  /** @returns whether the result counts. */
  add(result: Pick<ResultHead, "status" | "route" | "timing" | "usage">): boolean {
    const rollout = result.route?.decision?.rollout;
    if (rollout === undefined || rollout.name !== this.#state.name) return false;
    const routed_ms = result.timing.routed ?? 0;
    const is_new = rollout.side === "new";
    // The new side since the stage began; the old one is the same at every stage, and a while before counts too.
    const counts = is_new
      ? rollout.percent === this.#state.percent && routed_ms >= this.#state.stage_ms
      : routed_ms >= this.from_ms;
    const seen = counts ? observed(result) : undefined;
    if (seen === undefined) return false;
    (is_new ? this.new : this.old).add(seen);
    return true;
  }
}

/** What a result says of the model that answered; undefined for one that says nothing: cancelled, refused, or from the cache. */
function observed({
  status,
  route,
  timing,
  usage,
}: Pick<ResultHead, "status" | "route" | "timing" | "usage">): Observed | undefined {
  if (status === "cancelled" || status === "rejected") return undefined;
  if (route?.cache !== "miss" && route?.cache !== "bypass") return undefined;
  const { completed, dispatched, routed } = timing;
  const from = dispatched ?? routed;
  const latency_ms = completed === undefined || from === undefined ? undefined : Math.max(0, completed - from);
  return { failed: status !== "succeeded", latency_ms, cost_usd: usage?.cost_usd ?? 0 };
}
