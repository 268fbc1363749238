/** What may be written within the budget and the bound on requests under way. Pure. */
import { held_nusd, type MapReduceState, spent_nusd, type Written } from "../../../libs/shared/map-reduce/job.ts";

export type Candidate = { readonly item: number; readonly tries: number; readonly bound_nusd: number };

export type Chosen = {
  readonly written: readonly Written[];
  /** The next one does not fit into what is left of the budget. */
  readonly over_budget: boolean;
};

type Spending = Pick<MapReduceState, "waves" | "past" | "asking" | "lost_nusd" | "budget_nusd">;

/** What is left of the budget; below nought where requests cost more than was thought. */
export function leftOf(state: Spending): number {
  return (state.budget_nusd ?? Number.POSITIVE_INFINITY) - spent_nusd(state) - held_nusd(state);
}

/**
 * The first of the candidates, in their order, as long as what is spent, what those under way may cost and what these may cost stays within
 * the budget. None is passed over for a cheaper one behind it.
 */
export function choose(state: Spending, candidates: readonly Candidate[]): Chosen {
  let left_nusd = leftOf(state);
  const written: Written[] = [];
  for (const { item, tries, bound_nusd } of candidates) {
    if (bound_nusd > left_nusd) return { written, over_budget: true };
    left_nusd -= bound_nusd;
    written.push([item, tries, bound_nusd]);
  }
  return { written, over_budget: false };
}
