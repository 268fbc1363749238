/**
 * What has been seen of a request's states, so that each is shown once: work may be done twice, and then it is told of twice. What is new
 * follows from the stream's entries alone, so every process shows the same ones. Pure.
 */
import type { FollowedState } from "../../../libs/shared/redis/request-events.ts";

export class StateHistory {
  readonly #seen = new Set<string>();

  /** In the order of the stream, from its beginning. @returns whether it is new. */
  isNew(state: FollowedState): boolean {
    const name = nameOf(state);
    if (this.#seen.has(name)) return false;
    // A request that waits goes through all of it again.
    if (state.state === "retrying" || state.state === "deferred") {
      for (const seen of this.#seen) if (!isWait(seen)) this.#seen.delete(seen);
    }
    this.#seen.add(name);
    return true;
  }
}

/** What makes two states the same one. */
function nameOf(state: FollowedState): string {
  const of = state as Readonly<Record<string, unknown>>;
  if (state.state === "deferred") return `deferred ${of["until_ms"]}`;
  if (state.state === "routed") return `routed ${of["tier"]} ${of["model"]}`;
  if (state.state === "started") return `started ${of["attempt"]}`;
  if (state.state === "retrying") return `retrying ${of["round"]}`;
  return state.state;
}

function isWait(name: string): boolean {
  return name.startsWith("retrying ") || name.startsWith("deferred ");
}
