/**
 * Holds a service back when most of what comes would be dead-lettered: then the fault is not in the requests, and burying them all
 * helps nobody. Pure.
 *
 * - *closed*: everything goes on. The last `window_requests` endings are counted; when the window is full and the part of dead ones
 *   reaches `ratio`, the guard trips.
 * - *tripped*: nothing goes on for `pause_ms`.
 * - *half open*: some trials go on. When all of them have ended, the same ratio says whether the guard closes or trips again.
 */
import type { DeadLetterGuardSettings } from "../../libs/shared/config/inference.ts";

/** Trials are this part of the window, one at least. */
const TRIAL_PART = 0.1;
/** While the trials run, those that wait ask this often. */
const ASK_AGAIN_MS = 1_000;

type State =
  | { readonly kind: "closed" }
  | { readonly kind: "tripped"; readonly until_ms: number }
  /** Trials that say nothing until then (given up, their process gone on to other work) are replaced by new ones. */
  | { readonly kind: "half_open"; readonly until_ms: number; readonly given: number };

const CLOSED: State = { kind: "closed" };

/** Leave to begin, or ms after which to ask again. */
export type Leave = { readonly kind: "go" } | { readonly kind: "wait"; readonly wait_ms: number };

const GO: Leave = { kind: "go" };

export class DeadLetterGuard {
  readonly #settings: DeadLetterGuardSettings;
  readonly #trials: number;
  #state: State = CLOSED;
  /** The last endings, oldest first; since half open: the trials'. */
  #endings: boolean[] = [];
  #dead = 0;

  constructor(settings: DeadLetterGuardSettings) {
    this.#settings = settings;
    this.#trials = Math.max(1, Math.floor(settings.window_requests * TRIAL_PART));
  }

  /** True from the moment it trips until it closes again: what would be dead-lettered now is better held and tried again. */
  get holds(): boolean {
    return this.#state.kind !== "closed";
  }

  /** Asked before a request's work begins. While half open, a `go` is one of the trials. */
  allows(now_ms: number): Leave {
    if (this.#state.kind === "closed") return GO;
    if (now_ms >= this.#state.until_ms) {
      this.#clear();
      this.#state = { kind: "half_open", until_ms: now_ms + this.#settings.pause_ms, given: 0 };
    }
    if (this.#state.kind === "half_open" && this.#state.given < this.#trials) {
      this.#state = { ...this.#state, given: this.#state.given + 1 };
      return GO;
    }
    const left_ms = this.#state.until_ms - now_ms;
    return { kind: "wait", wait_ms: this.#state.kind === "half_open" ? Math.min(left_ms, ASK_AGAIN_MS) : left_ms };
  }

  /** Told of every ending. @param dead the request was dead-lettered, or would have been. */
  record(dead: boolean, now_ms: number): void {
    // What began before it tripped says nothing about whether the fault has passed.
    if (this.#state.kind === "tripped") return;
    const size = this.#state.kind === "closed" ? this.#settings.window_requests : this.#trials;
    this.#endings.push(dead);
    if (dead) this.#dead += 1;
    if (this.#endings.length > size && this.#endings.shift() === true) this.#dead -= 1;
    if (this.#endings.length < size) return;
    if (this.#dead / size >= this.#settings.ratio) {
      this.#clear();
      this.#state = { kind: "tripped", until_ms: now_ms + this.#settings.pause_ms };
    } else if (this.#state.kind === "half_open") {
      this.#clear();
      this.#state = CLOSED;
    }
  }

  #clear(): void {
    this.#endings = [];
    this.#dead = 0;
  }
}
