/** Where a request stands that has not ended, by what Redis knows of it. Pure. */
import type { TopicNames } from "../events/topics.ts";
import type { Explanation, Step } from "./explanation.ts";
import type { FoundLive } from "./found.ts";

type Now = NonNullable<Explanation["now"]>;

/** @returns what is true as far as somebody told: states are told best effort, and a moment later. */
export function standingOf(names: TopicNames, live: FoundLive): Now {
  const { view, seen, received_ms } = live;
  if (view?.status === "deferred") {
    return {
      what: "waits for room in a limit",
      topic: names.deferred,
      ...at(view.updated_ms),
      ...until(view.until_ms),
    };
  }
  const last = live.states.findLast(({ state }) => state.state !== "ended");
  if (last !== undefined) return standingByState(names, last);
  const entry = live.entries.findLast(({ state }) => state !== "none");
  if (entry?.state === "dispatched") return { what: "a model is called", ...until(entry.until_ms) };
  if (entry?.state === "reserved") return { what: "inference has it, and waits before its call" };
  if (entry?.state === "answered") return { what: "a model has answered; the outcome is being written" };
  if (entry?.state === "left") return { what: "waits on a retry topic for another round" };
  if (entry?.state === "passed_on") return { what: "an answer was passed on to another tier" };
  if (entry?.state === "published") return { what: "its outcome is written", topic: names.outcomes };
  if (seen !== undefined) return { what: "ingest has taken it; the router or a tier has it", topic: names.admitted };
  return { what: "ingest has not read it yet", topic: names.requests, ...at(received_ms) };
}

function standingByState(names: TopicNames, { at_ms, state }: FoundLive["states"][number]): Now {
  const since = { since_ms: at_ms };
  switch (state.state) {
    case "admitted":
      return { what: "waits for the router", topic: names.admitted, ...since };
    case "deferred":
      return { what: "waits for room in a limit", topic: names.deferred, ...since, until_ms: state.until_ms };
    case "routed":
      return { what: `waits for tier ${state.tier}`, topic: names.jobs(state.tier), ...since };
    case "started":
      return { what: `a tier works on it, call ${state.attempt}`, ...since };
    case "retrying":
      return { what: "waits on a retry topic for another round", ...since, until_ms: state.due_ms };
    default:
      return { what: "its outcome is written", topic: names.outcomes, ...since };
  }
}

/** What was told of it so far. */
export function stepsOfStates({ states, seen, received_ms }: FoundLive): Step[] {
  // The gateway notes it once it is on its topic: ingest may have been quicker.
  const taken_ms = Math.min(received_ms ?? Number.POSITIVE_INFINITY, states[0]?.at_ms ?? Number.POSITIVE_INFINITY);
  const came: Step[] =
    received_ms === undefined ? [] : [{ at_ms: taken_ms, service: "gateway", what: "taken", ...(seen?.place ?? {}) }];
  const told = states.map(({ at_ms, state }): Step => {
    switch (state.state) {
      case "admitted":
        return { at_ms, service: "ingest", what: "admitted" };
      case "deferred":
        return { at_ms, service: "ingest", what: "deferred by a limit", details: { until_ms: state.until_ms } };
      case "routed":
        return { at_ms, service: "router", what: `sent to tier ${state.tier} (cache: ${state.cache})` };
      case "started":
        return { at_ms, service: "inference", what: `taken up for call ${state.attempt}` };
      case "retrying":
        return {
          at_ms,
          service: "inference",
          what: `sent back for round ${state.round}`,
          details: { due_ms: state.due_ms },
        };
      default:
        return { at_ms, service: "results", what: state.status };
    }
  });
  return [...came, ...told];
}

function at(since_ms: number | undefined): { since_ms?: number } {
  return since_ms === undefined || since_ms === 0 ? {} : { since_ms };
}

function until(until_ms: number | undefined): { until_ms?: number } {
  return until_ms === undefined ? {} : { until_ms };
}
