/**
 * What a replay may spend, shared by all that it has in hand (I4). Pure.
 *
 * - **B1** A record is begun only where what it may cost at the most fits beside all that is spent and held.
 * - **B2** Records are begun in the order in which they ask. One that does not fit waits for those in hand to settle; if it does not fit
 *   then, the budget is used: nothing is begun any more, and what was begun ends.
 * - **B3** A record that has to hold more (a call was made whose answer nobody knows) goes before those that have not begun. Where all
 *   in hand wait for more and none of it fits, the latest is refused.
 *
 * Amounts are whole nano-dollars. So much of what is spent may lack to the budget at the most: what the next record may cost.
 */

export type BudgetStart = {
  readonly budget_nusd: number;
  /** Of earlier runs: what is known, and what is held for records whose calls were under way. */
  readonly spent_nusd: number;
  readonly held_nusd: number;
  readonly in_flight_max: number;
};

/** `used`: it does not fit, and nothing is in hand that could make room. */
export type Begun = "begun" | "used" | "stopping";

type Beginning = { readonly nusd: number; readonly answer: (begun: Begun) => void };
type Extending = { readonly nusd: number; readonly answer: (fits: boolean) => void };

export class ReplayBudget {
  readonly #budget_nusd: number;
  readonly #in_flight_max: number;
  #spent_nusd: number;
  #held_nusd: number;
  #in_flight = 0;
  /** What did not fit. */
  #refused_nusd: number | undefined;
  /** In the order they asked, as many as the runner's chunks hold; first those whose money is held already: they may give some back. */
  readonly #again = new Set<Beginning>();
  readonly #beginning = new Set<Beginning>();
  /** No more than are in flight. */
  readonly #extending: Extending[] = [];

  constructor({ budget_nusd, spent_nusd, held_nusd, in_flight_max }: BudgetStart) {
    this.#budget_nusd = budget_nusd;
    this.#spent_nusd = spent_nusd;
    this.#held_nusd = held_nusd;
    this.#in_flight_max = in_flight_max;
  }

  get budget_nusd(): number {
    return this.#budget_nusd;
  }

  get spent_nusd(): number {
    return this.#spent_nusd;
  }

  get held_nusd(): number {
    return this.#held_nusd;
  }

  get in_flight(): number {
    return this.#in_flight;
  }

  /** What did not fit, once the budget is used. */
  get refused_nusd(): number | undefined {
    return this.#refused_nusd;
  }

  /** Takes a place, and holds the amount; nought where enough is held already. */
  begin(nusd: number, stopping: AbortSignal): Promise<Begun> {
    return new Promise((resolve) => {
      if (stopping.aborted) return resolve("stopping");
      const line = nusd === 0 ? this.#again : this.#beginning;
      const withdraw = (): void => {
        line.delete(asked);
        resolve("stopping");
        this.#turn();
      };
      const asked: Beginning = {
        nusd,
        answer: (begun) => {
          stopping.removeEventListener("abort", withdraw);
          resolve(begun);
        },
      };
      stopping.addEventListener("abort", withdraw, { once: true });
      line.add(asked);
      this.#turn();
    });
  }

  /** Holds more for one that has begun. @returns false where it does not fit: it has to end. */
  extend(nusd: number): Promise<boolean> {
    return new Promise((answer) => {
      this.#extending.push({ nusd, answer });
      this.#turn();
    });
  }

  /** One that was settled in an earlier run is in hand again: what it cost is held meanwhile. A negative amount takes that back. */
  reopen(cost_nusd: number): void {
    this.#spent_nusd -= cost_nusd;
    this.#held_nusd += cost_nusd;
  }

  /** It has ended, and what it cost is known. */
  settle(held_nusd: number, cost_nusd: number): void {
    this.#held_nusd -= held_nusd;
    this.#spent_nusd += cost_nusd;
    this.leave();
  }

  /** It was given up: what is held for it stays held. */
  leave(): void {
    this.#in_flight -= 1;
    this.#turn();
  }

  #turn(): void {
    this.#turnExtending();
    if (this.#extending.length === 0 && this.#turnBeginning(this.#again)) this.#turnBeginning(this.#beginning);
  }

  /** B3. */
  #turnExtending(): void {
    for (let first = this.#extending[0]; first !== undefined; first = this.#extending[0]) {
      if (this.#fits(first.nusd)) {
        this.#extending.shift();
        this.#held_nusd += first.nusd;
        first.answer(true);
        continue;
      }
      if (this.#in_flight > this.#extending.length) return;
      const last = this.#extending.pop() as Extending;
      this.#refused_nusd ??= last.nusd;
      last.answer(false);
      return;
    }
  }

  /** B1, B2. @returns whether none of them waits any more. */
  #turnBeginning(line: Set<Beginning>): boolean {
    for (const first of line) {
      if (this.#refused_nusd === undefined && !this.#fits(first.nusd) && this.#in_flight === 0) {
        this.#refused_nusd = first.nusd;
      }
      const used = this.#refused_nusd !== undefined;
      if (!used && (this.#in_flight >= this.#in_flight_max || !this.#fits(first.nusd))) return false;
      line.delete(first);
      if (!used) {
        this.#held_nusd += first.nusd;
        this.#in_flight += 1;
      }
      first.answer(used ? "used" : "begun");
    }
    return true;
  }

  #fits(nusd: number): boolean {
    return nusd <= 0 || this.#spent_nusd + this.#held_nusd + nusd <= this.#budget_nusd;
  }
}
