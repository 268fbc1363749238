/** The rollouts as `llm.control` tells them: of each name the latest state. Pure: the same records make the same book everywhere. */
import type { RolloutEvent } from "../events/control.ts";
import { changeTarget } from "./changes.ts";

/** `by` of what the routers move themselves. */
export const CONTROLLER = "sluice router";

export type KnownRollout = {
  readonly state: RolloutEvent;
  /** When its record was written, epoch ms: control's retention counts from it. */
  readonly written_ms: number;
};

/** Names kept at the most; those that have ended longest ago go first. */
const NAMES_MAX = 1_000;

export class RolloutBook {
  readonly #problem: (event: RolloutEvent) => string | undefined;
  readonly #ignored: (event: RolloutEvent, why: string) => void;
  readonly #known = new Map<string, KnownRollout>();
  #sorted: readonly KnownRollout[] | undefined;
  readonly #bad = new Map<string, number>();

  /**
   * @param problem why a state cannot be followed: it is then as if it had not been told.
   * @param ignored told once of each state that is not followed.
   */
  constructor(
    problem: (event: RolloutEvent) => string | undefined,
    ignored: (event: RolloutEvent, why: string) => void = () => undefined,
  ) {
    this.#problem = problem;
    this.#ignored = ignored;
  }

  /** Records of a name in the order of their partition. @returns whether it is the state now. */
  apply(event: RolloutEvent, written_ms: number): boolean {
    const known = this.#known.get(event.name);
    if (known !== undefined && !follows(known.state, event)) return false;
    const why = this.#problem(event);
    if (why !== undefined) {
      this.#tellOnce(event, why);
      return false;
    }
    this.#known.set(event.name, { state: event, written_ms });
    this.#sorted = undefined;
    this.#forget();
    return true;
  }

  get(name: string): KnownRollout | undefined {
    return this.#known.get(name);
  }

  /** Those started last first. */
  all(): readonly KnownRollout[] {
    this.#sorted ??= [...this.#known.values()].toSorted(
      (left, right) => right.state.started_ms - left.state.started_ms,
    );
    return this.#sorted;
  }

  /** Running or paused, of the same tier's model or prompt, or of the policy. */
  underWay(target: string): RolloutEvent | undefined {
    return this.all().find(
      ({ state }) => changeTarget(state.change) === target && (state.status === "running" || state.status === "paused"),
    )?.state;
  }

  #tellOnce(event: RolloutEvent, why: string): void {
    if (this.#bad.get(event.name) === event.at_ms) return;
    if (this.#bad.size >= NAMES_MAX) this.#bad.clear();
    this.#bad.set(event.name, event.at_ms);
    this.#ignored(event, why);
  }

  #forget(): void {
    if (this.#known.size <= NAMES_MAX) return;
    const ended = [...this.#known.values()].filter(({ state }) => state.status === "rolled_back");
    const oldest = (ended.length > 0 ? ended : [...this.#known.values()]).toSorted(
      (left, right) => left.state.at_ms - right.state.at_ms,
    )[0];
    if (oldest !== undefined) this.#known.delete(oldest.state.name);
  }
}

/**
 * Whether a state takes the place of the one before. A state that is told again is the same one; one that is older was overtaken. What a
 * router moves by itself counts only on what it may move: a person who paused in the meantime, or started anew, is not overruled.
 */
function follows(known: RolloutEvent, event: RolloutEvent): boolean {
  if (event.at_ms < known.at_ms) return false;
  if (event.by !== CONTROLLER || event.at_ms === known.at_ms) return true;
  return known.status === "running" && known.automatic && known.started_ms === event.started_ms;
}
