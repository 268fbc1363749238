/** Which wishes for a replay make sense, and where a stage's input is. Pure. */
import type { TopicNames } from "../events/topics.ts";
import type { Replay, ReplaySpec, Stage } from "./replay.ts";

/** Several topics in one selection stand side by side with this between them. */
const BETWEEN = ",";

export function topicsOf({ topic }: ReplaySpec["selection"]): string[] {
  const named = topic.split(BETWEEN).map((one) => one.trim());
  return [...new Set(named.filter((one) => one !== ""))];
}

export function topicList(topics: readonly string[]): string {
  return topics.join(BETWEEN);
}

/** What a service reads, both lanes. */
function stageTopics(names: TopicNames, tiers: readonly string[], stage: Stage): string[] {
  const first = {
    ingest: [names.requests],
    router: [names.admitted],
    inference: tiers.map((tier) => names.jobs(tier)),
    results: [names.outcomes],
  }[stage];
  return stage === "results" ? first : first.flatMap((topic) => [topic, names.batch(topic)]);
}

/** What is read where no topic is named, both lanes: the requests, or what goes into a stage. */
export function defaultTopics(names: TopicNames, tiers: readonly string[], stage: Stage | undefined): string[] {
  return stageTopics(names, tiers, stage ?? "ingest");
}

/** Where the Results are found: those of requests that a stage before results sends on are first ones, as of any request. */
export function resultsTopic(names: TopicNames, { id, spec: { stage } }: Pick<Replay, "id" | "spec">): string {
  return stage === undefined || stage === "results" ? names.replay(id) : names.results;
}

export type SpecProblem = {
  /** The field that is wrong, as `tier` or `selection.offsets`. */
  readonly field: string;
  /** What is wrong with it, and what to do instead. */
  readonly message: string;
};

/** @returns undefined where it makes sense. */
export function specProblem(spec: ReplaySpec): SpecProblem | undefined {
  const { mode, stage, rate_per_s } = spec;
  if ((mode === "stage") !== (stage !== undefined)) {
    return { field: "stage", message: "the mode stage, and only that, names the service to run again" };
  }
  if (rate_per_s !== undefined && !(rate_per_s > 0 && Number.isFinite(rate_per_s))) {
    return { field: "rate_per_s", message: "the rate must be above 0" };
  }
  return selectionProblem(spec) ?? targetProblem(spec) ?? effectProblem(spec);
}

function selectionProblem({ selection }: ReplaySpec): SpecProblem | undefined {
  const topics = topicsOf(selection);
  if (topics.length === 0) return { field: "selection.topic", message: "a replay needs a topic to read from" };
  const { offsets } = selection;
  if (offsets === undefined) return undefined;
  const field = "selection.offsets";
  if (topics.length > 1) return { field, message: "offsets are of one topic, and there are several: name one" };
  if (offsets.some(({ from, to }) => from >= to)) return { field, message: "from must be below to, which is not read" };
  return undefined;
}

/** What it runs on instead of what was recorded. */
function targetProblem({ mode, tier, model, settings }: ReplaySpec): SpecProblem | undefined {
  const targets = Object.entries({ tier, model, settings }).flatMap(([name, one]) => (one === undefined ? [] : [name]));
  const [first = "tier", second] = targets;
  const count = targets.length;
  if (mode === "shadow" && count === 0) {
    return { field: first, message: "shadow needs another tier, another model or other settings to run on" };
  }
  if (mode === "shadow" && second !== undefined) {
    return { field: second, message: "shadow runs on one thing: another tier, another model or other settings" };
  }
  if (mode === "what-if" && settings === undefined) {
    return { field: "settings", message: "what-if needs the settings to try" };
  }
  if (mode === "what-if" && count > 1) {
    return { field: first, message: "what-if takes all from its settings: name no tier and no model" };
  }
  if (mode !== "shadow" && mode !== "what-if" && count > 0) {
    return { field: first, message: "only shadow and what-if run on something else than what was recorded" };
  }
  return undefined;
}

/** I7: what it may do beside writing Results, where that means anything. */
function effectProblem({ mode, webhooks, charge, fill_cache }: ReplaySpec): SpecProblem | undefined {
  const calls = mode === "recompute" || mode === "shadow";
  if (charge === true && !calls) {
    return { field: "charge", message: `${mode} spends nothing, so that there is nothing to charge: leave charge out` };
  }
  if ((webhooks === true || fill_cache === true) && !calls && mode !== "reuse") {
    const field = webhooks === true ? "webhooks" : "fill_cache";
    return { field, message: `${mode} tells no webhooks and fills no cache: leave both out` };
  }
  return undefined;
}
