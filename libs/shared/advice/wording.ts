/** Figures as findings say them. Pure. */
import type { Evidence, Gain } from "./finding.ts";
import type { StageLoad } from "./observation.ts";
import { clearing_s } from "./standing.ts";

/** Three digits that count. */
export function figure(value: number): number {
  if (!Number.isFinite(value)) return 0;
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function perSecond(value: number): string {
  return `${figure(value)}/s`;
}

/** How a stage's queue stands. */
export function queueEvidence(stage: StageLoad): readonly Evidence[] {
  return [
    { name: "arrivals", value: figure(stage.arrivals_per_s), unit: "/s" },
    { name: "done", value: figure(stage.done_per_s), unit: "/s" },
    { name: "lag", value: stage.lag, unit: "records" },
    { name: "growth", value: figure(stage.growth_per_s), unit: "/s" },
    { name: "oldest", value: figure(stage.oldest_age_ms / 1_000), unit: "s" },
    { name: "time to clear", value: figure(clearing_s(stage)), unit: "s" },
  ];
}

/** Records finished a second. No more can be done than arrives, once the queue is empty. */
export function throughputGain(stage: StageLoad, to_per_s: number, how: string): Gain {
  const from = figure(stage.done_per_s);
  const capped = Math.max(stage.done_per_s, Math.min(to_per_s, Math.max(stage.arrivals_per_s, stage.done_per_s) * 3));
  return { what: `done by ${stage.name}`, unit: "records/s", from, to: figure(capped), how };
}

/** The topic without the prefix, as `topics.overrides` names it. */
export function shortTopic(topic: string, prefix: string): string {
  return topic.startsWith(prefix) ? topic.slice(prefix.length) : topic;
}
