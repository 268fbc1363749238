/**
 * What is held for each record that is in hand: in the budget (`budget.ts`), and in rows that outlive the process (`call-rows.ts`). For
 * each record `most` is held before its first call; before a call that follows one whose answer is lost, `most` again. Settled is what
 * the calls are known to have cost, and `most` for each whose answer nobody knows.
 */
import { type RetryContext, untilAvailable } from "../../../libs/shared/retry.ts";
import type { CallCounts } from "./attempts-watched.ts";
import type { Begun, ReplayBudget } from "./budget.ts";
import { type CallPlace, type CallRow, type CallRows, callPlaceId } from "./call-rows.ts";

/** The next call may cost more than is left: it is not made. */
export class BudgetUsed extends Error {
  constructor() {
    super("the replay's budget is used");
  }
}

export type HoldsDeps = {
  readonly budget: ReplayBudget;
  readonly rows: CallRows;
  readonly retry: RetryContext;
};

export type Ask = {
  /** The run's. */
  readonly id: string;
  readonly place: CallPlace;
  readonly most_nusd: number;
  /** What an earlier run has left. */
  readonly row: CallRow | undefined;
};

type Held = Ask & {
  readonly stopping: AbortSignal;
  /** In the budget. */
  nusd: number;
  /** The row has no cost. */
  open: boolean;
  /** Spent by an earlier run of which the ledger knows nothing any more. */
  lost_nusd: number;
};

export class Holds {
  readonly #deps: HoldsDeps;
  /** By run; no more than are in flight. */
  readonly #held = new Map<string, Held>();
  /** Places that this process held, and gave up before any call. As few as could not go on when a part went away. */
  readonly #uncalled = new Set<string>();

  constructor(deps: HoldsDeps) {
    this.#deps = deps;
  }

  /** `begun`: what it may cost is held and written down; every one that has begun is settled or given up. */
  async begin(ask: Ask, stopping: AbortSignal): Promise<Begun> {
    const { budget } = this.#deps;
    const { row, most_nusd, id } = ask;
    const begun = await budget.begin(row === undefined ? most_nusd : 0, stopping);
    if (begun !== "begun") return begun;
    if (row?.cost_nusd !== undefined) budget.reopen(row.cost_nusd);
    const nusd = row === undefined ? most_nusd : (row.cost_nusd ?? row.reserved_nusd);
    const open = row !== undefined && row.cost_nusd === undefined;
    const held: Held = { ...ask, stopping, nusd, open, lost_nusd: 0 };
    this.#held.set(id, held);
    if (row !== undefined) return begun;
    try {
      await this.#write(held);
    } catch (error) {
      this.giveUp(id, { calls: 0, unknown: 0 });
      throw error;
    }
    return begun;
  }

  /** @param found whether the ledger had anything of the run. @throws BudgetUsed */
  async beforeCall(id: string, { unknown }: CallCounts, found: boolean | undefined): Promise<void> {
    const held = this.#held.get(id);
    if (held === undefined) return;
    const { row, place, most_nusd } = held;
    // The ledger is gone: what an earlier run may have spent is spent.
    if (found === false && row !== undefined && !this.#uncalled.has(callPlaceId(place))) {
      held.lost_nusd = row.cost_nusd ?? row.reserved_nusd;
    }
    const needed_nusd = held.lost_nusd + most_nusd * (1 + unknown);
    const more_nusd = needed_nusd - held.nusd;
    if (more_nusd <= 0 && held.open) return;
    if (more_nusd > 0) {
      if (!(await this.#deps.budget.extend(more_nusd))) throw new BudgetUsed();
      held.nusd = needed_nusd;
    }
    await this.#write(held);
  }

  /** @param known_nusd what its answers cost. @returns what its calls count as; what an earlier run lost is in the row beside it. */
  async settle(id: string, known_nusd: number, { unknown }: CallCounts): Promise<number> {
    const held = this.#held.get(id) as Held;
    const cost_nusd = known_nusd + unknown * held.most_nusd;
    const { budget, rows } = this.#deps;
    const total_nusd = held.lost_nusd + cost_nusd;
    await this.#waiting(held, () => rows.settle(held.place, total_nusd));
    this.#held.delete(id);
    this.#uncalled.delete(callPlaceId(held.place));
    budget.settle(held.nusd, total_nusd);
    return cost_nusd;
  }

  /** It has not ended. What is held stays held, here and in the row, until it is run again. */
  giveUp(id: string, { calls }: CallCounts): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    const { budget } = this.#deps;
    if (!held.open && held.row?.cost_nusd !== undefined) budget.reopen(-held.row.cost_nusd);
    if (calls === 0 && held.row === undefined) this.#uncalled.add(callPlaceId(held.place));
    budget.leave();
  }

  async #write(held: Held): Promise<void> {
    await this.#waiting(held, () => this.#deps.rows.hold(held.place, held.nusd));
    held.open = true;
  }

  #waiting(held: Held, work: () => Promise<void>): Promise<void> {
    return untilAvailable(this.#deps.retry, "replay budget", work, () => held.stopping.aborted);
  }
}
