/**
 * Moves the rollouts that move by themselves. One router at a time does: while a rollout runs it follows `llm.results`, and says on
 * `llm.control` what comes next. Whatever fails here moves nothing: the next look goes on.
 *
 * It also tells states again before the topic forgets them: a rollout that is done holds until the settings have what it brought.
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { RolloutSettings } from "../../../libs/shared/config/routing.ts";
import type { RolloutEvent } from "../../../libs/shared/events/control.ts";
import type { ResultHead } from "../../../libs/shared/events/flow.ts";
import type { Log } from "../../../libs/shared/log.ts";
import { type Move, nextMove } from "../../../libs/shared/rollout/next-move.ts";
import { CONTROLLER, type KnownRollout, type RolloutBook } from "../../../libs/shared/rollout/rollout-book.ts";
import { StageStats } from "../../../libs/shared/rollout/side-stats.ts";

/** A view of results from a time on. */
export type ResultsView = {
  /** All that was there when it began has been added. */
  readonly caught_up: boolean;
  stop(): Promise<void>;
};

export type ControllerDeps = {
  readonly book: Pick<RolloutBook, "all">;
  readonly settings: RolloutSettings;
  /** Whether it is this router that moves rollouts now; asked at each look while there is something to do. */
  readonly isLeader: () => Promise<boolean>;
  readonly follow: (from_ms: number, add: (result: ResultHead) => void) => Promise<ResultsView>;
  /** Writes the state to `llm.control`. */
  readonly announce: (state: RolloutEvent) => Promise<void>;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn">;
  /** Told of each move, for metrics. */
  readonly moved?: (state: RolloutEvent) => void;
};

/** A state is told again when its record is so old: `llm.control` keeps a week unless the settings say otherwise. */
export const TOLD_AGAIN_MS = 24 * 3_600_000;

type Following = { readonly of: string; readonly view: ResultsView; readonly stats: ReadonlyMap<string, StageStats> };

export class RolloutController {
  readonly #deps: ControllerDeps;
  #following: Following | undefined;
  /** Of a rollout that was moved: the state it was moved from, until the book has the next. */
  readonly #moved_from = new Map<string, number>();
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.after(this.#deps.settings.check_interval_ms, () => {
      this.#looking = this.look().finally(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
    await this.#unfollow();
  }

  /** One look. Never rejects. */
  async look(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.#deps.log.warn({ error }, "rollouts stay as they are until the next look");
    }
  }

  async #look(): Promise<void> {
    const now_ms = this.#deps.clock.now_ms();
    const known = this.#deps.book.all();
    const watched = known.map(({ state }) => state).filter((state) => state.status === "running" && state.automatic);
    const fading = known.filter((one) => fades(one, now_ms));
    if (watched.length + fading.length === 0 || !(await this.#deps.isLeader())) return this.#unfollow();
    for (const { state } of fading) await this.#deps.announce(state);
    if (watched.length === 0) return this.#unfollow();
    const { view, stats } = await this.#follow(watched);
    if (!view.caught_up) return;
    for (const state of watched) await this.#consider(state, stats.get(state.name), now_ms);
  }

  /** One view serves all; it begins anew when a rollout starts, ends, or comes to another stage. */
  async #follow(watched: readonly RolloutEvent[]): Promise<Following> {
    const of = JSON.stringify(watched.map(({ name, stage_ms, percent }) => [name, stage_ms, percent]));
    if (this.#following?.of === of) return this.#following;
    await this.#unfollow();
    const stats = new Map(watched.map((state) => [state.name, new StageStats(state)]));
    const from_ms = Math.min(...[...stats.values()].map((one) => one.from_ms));
    const view = await this.#deps.follow(from_ms, (result) => {
      const name = result.route?.decision?.rollout?.name;
      if (name !== undefined) stats.get(name)?.add(result);
    });
    this.#following = { of, view, stats };
    return this.#following;
  }

  async #unfollow(): Promise<void> {
    const following = this.#following;
    this.#following = undefined;
    await following?.view.stop();
  }

  async #consider(state: RolloutEvent, stats: StageStats | undefined, now_ms: number): Promise<void> {
    if (stats === undefined || this.#moved_from.get(state.name) === state.at_ms) return;
    const next = stateAfter(state, nextMove(state, stats, this.#deps.settings, now_ms), now_ms);
    if (next === undefined) return;
    await this.#deps.announce(next);
    this.#moved_from.set(state.name, state.at_ms);
    this.#deps.moved?.(next);
    const { name, status, percent, why } = next;
    this.#deps.log.info({ rollout: name, status, percent, why }, "a rollout moves");
  }
}

/** Rolled back is as if it had never been: that may be forgotten. */
function fades({ state, written_ms }: KnownRollout, now_ms: number): boolean {
  return state.status !== "rolled_back" && now_ms - written_ms > TOLD_AGAIN_MS;
}

/** @returns undefined where it stays. */
function stateAfter(state: RolloutEvent, move: Move, now_ms: number): RolloutEvent | undefined {
  if (move.kind === "stay") return undefined;
  // Never before the state that it follows, whatever the clocks say.
  const at_ms = Math.max(now_ms, state.at_ms + 1);
  const moved = { ...state, at_ms, stage_ms: at_ms, by: CONTROLLER, why: move.why };
  if (move.kind === "roll_back") return { ...moved, status: "rolled_back" };
  return { ...moved, status: move.status, percent: move.percent };
}
