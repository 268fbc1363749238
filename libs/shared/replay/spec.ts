/** Which wishes for a replay make sense, and where a stage's input is. Pure. */
import type { TopicNames } from "../events/topics.ts";
import type { ReplaySpec, Stage } from "./replay.ts";

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
export function stageTopics(names: TopicNames, tiers: readonly string[], stage: Stage): string[] {
  const first = {
    ingest: [names.requests],
    router: [names.admitted],
    inference: tiers.map((tier) => names.jobs(tier)),
    results: [names.outcomes],
  }[stage];
  return stage === "results" ? first : first.flatMap((topic) => [topic, names.batch(topic)]);
}

/** @returns what is wrong with it, and what to do instead; undefined where it makes sense. */
export function specProblem(spec: ReplaySpec): string | undefined {
  const { mode, selection, stage, tier, model, settings, rate_per_s } = spec;
  if (topicsOf(selection).length === 0) return "a replay needs a topic to read from";
  if ((mode === "stage") !== (stage !== undefined))
    return "the mode stage, and only that, names the service to run again";
  const targets = [tier, model, settings].filter((one) => one !== undefined).length;
  if (mode === "shadow" && targets === 0) return "shadow needs another tier, another model or other settings to run on";
  if (mode === "shadow" && targets > 1)
    return "shadow runs on one thing: another tier, another model or other settings";
  if (mode === "what-if" && settings === undefined) return "what-if needs the settings to try";
  if (mode === "what-if" && targets > 1) return "what-if takes all from its settings: name no tier and no model";
  if (mode !== "shadow" && mode !== "what-if" && targets > 0) {
    return "only shadow and what-if run on something else than what was recorded";
  }
  if (rate_per_s !== undefined && !(rate_per_s > 0 && Number.isFinite(rate_per_s))) return "the rate must be above 0";
  return effectProblem(spec);
}

/** I7: what it may do beside writing Results, where that means anything. */
function effectProblem({ mode, webhooks, charge, fill_cache }: ReplaySpec): string | undefined {
  const calls = mode === "recompute" || mode === "shadow";
  if (charge === true && !calls) return `${mode} spends nothing, so that there is nothing to charge: leave charge out`;
  if ((webhooks === true || fill_cache === true) && !calls && mode !== "reuse") {
    return `${mode} tells no webhooks and fills no cache: leave both out`;
  }
  return undefined;
}
