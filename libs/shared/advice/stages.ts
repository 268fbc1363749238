/** The stages that records go through, in order: the consumer groups that advice is about, with what each reads. Pure. */
import type { Settings } from "../config/schema.ts";
import { topicNames } from "../events/topics.ts";

export type StagePlan = {
  /** As people say it: `router`, `inference.small`. */
  readonly name: string;
  readonly service: string;
  readonly group: string;
  readonly tier?: string;
  readonly topics: readonly string[];
  /** From the first, 0, on; tiers stand side by side. */
  readonly order: number;
  /** Handlers that take a batch at a time: what is in flight counts records, what is bound counts batches. */
  readonly batched: boolean;
};

/** Retries and deferrals are no stages: their records wait by design. */
export function stagePlans(
  settings: Pick<Settings, "tiers"> & {
    readonly topics: Pick<Settings["topics"], "prefix">;
    readonly consumption: Pick<Settings["consumption"], "group_prefix">;
  },
): readonly StagePlan[] {
  const names = topicNames(settings.topics.prefix);
  const groupOf = (name: string): string => `${settings.consumption.group_prefix}${name}`;
  const both = (topic: string): readonly string[] => [topic, names.batch(topic)];
  const stage = (name: string, order: number, topics: readonly string[], batched: boolean): StagePlan => {
    return { name, service: name, group: groupOf(name), topics, order, batched };
  };
  return [
    stage("ingest", 0, both(names.requests), true),
    stage("router", 1, both(names.admitted), false),
    ...Object.keys(settings.tiers).map((tier) => {
      const name = `inference.${tier}`;
      return { ...stage(name, 2, both(names.jobs(tier)), false), service: "inference", tier };
    }),
    stage("results", 3, [names.outcomes], true),
  ];
}
