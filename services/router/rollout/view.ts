/** Which side of each rollout a request is on. Pure: a hash decides, so that every router decides the same. */
import type { RolloutEvent } from "../../../libs/shared/events/control.ts";
import { changeTarget } from "../../../libs/shared/rollout/changes.ts";
import type { RolloutBook } from "../../../libs/shared/rollout/rollout-book.ts";
import { stickyUnit } from "../../../libs/shared/sticky.ts";
import type { RolledOut, Rollouts } from "./contract.ts";

/** The part of the requests that has the new side, in per cent. */
export function percentOf({ status, percent }: Pick<RolloutEvent, "status" | "percent">): number {
  if (status === "done") return 100;
  return status === "rolled_back" ? 0 : percent;
}

/** Who is on the new side at 10 % is there at 25 % too: the hash is compared with the share, and depends on nothing else. */
export function onNewSide(name: string, sticky: string, percent: number): boolean {
  return stickyUnit([name, sticky]) * 100 < percent;
}

/** The rollouts of a book, as routing asks for them. */
export class BookedRollouts implements Rollouts {
  readonly #book: Pick<RolloutBook, "all">;

  constructor(book: Pick<RolloutBook, "all">) {
    this.#book = book;
  }

  model(tier: string, sticky: string): RolledOut<string> | undefined {
    return this.#side(`model ${tier}`, sticky, (change) => (change.of === "model" ? change.model : undefined));
  }

  prompt(tier: string, sticky: string): RolledOut<string> | undefined {
    return this.#side(`prompt ${tier}`, sticky, (change) => (change.of === "prompt" ? change.prompt : undefined));
  }

  policy(sticky: string): RolledOut<string> | undefined {
    return this.#side("policy", sticky, (change) => (change.of === "policy" ? change.policy_file : undefined));
  }

  /**
   * The rollout started last says the side. Its old side is what was there before: the value of an earlier rollout that is done, else
   * none. One that was rolled back is as if it had never been.
   */
  #side(
    target: string,
    sticky: string,
    take: (change: RolloutEvent["change"]) => string | undefined,
  ): RolledOut<string> | undefined {
    const states = this.#book
      .all()
      .map(({ state }) => state)
      .filter((state) => state.status !== "rolled_back" && changeTarget(state.change) === target);
    const [latest, ...earlier] = states;
    if (latest === undefined) return undefined;
    const percent = percentOf(latest);
    const is_new = onNewSide(latest.name, sticky, percent);
    const serving = is_new ? latest : earlier.find(({ status }) => status === "done");
    const side = { name: latest.name, side: is_new ? "new" : "old", percent } as const;
    return { value: serving === undefined ? undefined : take(serving.change), side };
  }
}
