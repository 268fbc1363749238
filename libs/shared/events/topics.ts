/** Topic names and, beside each, the schema of its values. The prefix is a setting; the rest is fixed. */
import type { z } from "zod";
import { cacheEntrySchema } from "./cache.ts";
import { controlSchema } from "./control.ts";
import { admittedSchema, jobSchema, outcomeSchema, resultSchema } from "./flow.ts";
import { requestSchema } from "./request.ts";
import { shadowEventSchema } from "./shadow.ts";
import { tenantsSchema } from "./tenants.ts";
import { usageEntrySchema } from "./usage.ts";

export type TopicNames = {
  readonly requests: string;
  readonly admitted: string;
  readonly outcomes: string;
  readonly results: string;
  readonly dlq: string;
  readonly deferred: string;
  readonly cache: string;
  readonly usage: string;
  readonly tenants: string;
  readonly control: string;
  readonly shadow: string;
  jobs(tier: string): string;
  retry(delay: string): string;
  /** Of a replay: its Results. */
  replay(id: string): string;
  /** The batch lane's twin of a work topic. */
  batch(topic: string): string;
};

export const BATCH_SUFFIX = ".batch";

export function topicNames(prefix: string): TopicNames {
  return {
    requests: `${prefix}requests`,
    admitted: `${prefix}admitted`,
    outcomes: `${prefix}outcomes`,
    results: `${prefix}results`,
    dlq: `${prefix}dlq`,
    deferred: `${prefix}deferred`,
    cache: `${prefix}cache`,
    usage: `${prefix}usage`,
    tenants: `${prefix}tenants`,
    control: `${prefix}control`,
    shadow: `${prefix}shadow`,
    jobs: (tier) => `${prefix}jobs.${tier}`,
    retry: (delay) => `${prefix}retry.${delay}`,
    replay: (id) => `${prefix}results.replay.${id}`,
    batch: (topic) => `${topic}${BATCH_SUFFIX}`,
  };
}

/** A topic or its batch twin, by the lane of the work. */
export function inLane(topic: string, lane: "interactive" | "batch"): string {
  return lane === "batch" ? `${topic}${BATCH_SUFFIX}` : topic;
}

/** The names under which schemas are kept in `schemas/`, with the zod schema each comes from. */
export const EVENT_SCHEMAS = {
  request: requestSchema,
  admitted: admittedSchema,
  job: jobSchema,
  outcome: outcomeSchema,
  result: resultSchema,
  tenants: tenantsSchema,
  control: controlSchema,
  usage: usageEntrySchema,
  cache: cacheEntrySchema,
  shadow: shadowEventSchema,
} as const satisfies Record<string, z.ZodType>;

export type EventName = keyof typeof EVENT_SCHEMAS;

/** Every topic that carries an event, by topic name: what is registered under `<topic>-value`. */
export function topicEvents(prefix: string, tiers: readonly string[]): ReadonlyMap<string, EventName> {
  const names = topicNames(prefix);
  const events = new Map<string, EventName>();
  const work: [string, EventName][] = [
    [names.requests, "request"],
    [names.admitted, "admitted"],
    ...tiers.map((tier): [string, EventName] => [names.jobs(tier), "job"]),
  ];
  for (const [topic, event] of work) {
    events.set(topic, event);
    events.set(names.batch(topic), event);
  }
  events.set(names.outcomes, "outcome");
  events.set(names.results, "result");
  events.set(names.tenants, "tenants");
  events.set(names.control, "control");
  events.set(names.usage, "usage");
  events.set(names.cache, "cache");
  events.set(names.shadow, "shadow");
  return events;
}
