/** The flow's topics and consumer groups, and what each group writes. */
import { topicNames } from "../../libs/shared/events/topics.ts";
import type { LaneName } from "../../libs/shared/kafka/scheduler.ts";
import type { Stage as IndexStage } from "./flow-index.ts";
import type { FlowTopics } from "./flow-invariants.ts";
import { type Stage, TIERS } from "./workload.ts";

/** Smaller than what the log takes, so that a record can be too large for the flow. */
export const READ_BYTES_MAX = 4_096;

export const names = topicNames("llm.");
const lanes = (topic: string): Record<string, LaneName> => ({
  [topic]: "interactive",
  [names.batch(topic)]: "batch",
});
export const both = (topic: string): string[] => Object.keys(lanes(topic));
export const jobs = TIERS.flatMap((tier) => both(names.jobs(tier)));

export const RETRY_DELAYS = ["1s", "3s"];
export const retries = RETRY_DELAYS.map(names.retry);

const ENTRY = { name: "ingest", outputs: [...both(names.admitted), names.outcomes, names.deferred] } as const;
export const LEDGER_GROUP = "sluice.ingest.ledger";

export const STAGES: readonly (IndexStage & { readonly name: Stage | "ledger" })[] = [
  { ...ENTRY, group: "sluice.ingest", inputs: both(names.requests) },
  // What is deferred again is still to come: no consequence.
  {
    ...ENTRY,
    group: "sluice.ingest.deferred",
    inputs: [names.deferred],
    outputs: [...both(names.admitted), names.outcomes],
  },
  { name: "ledger", group: LEDGER_GROUP, inputs: [names.usage], outputs: [] },
  ...RETRY_DELAYS.map((delay) => ({ ...ENTRY, group: `sluice.ingest.retry.${delay}`, inputs: [names.retry(delay)] })),
  { name: "router", group: "sluice.router", inputs: both(names.admitted), outputs: [...jobs, names.outcomes] },
  ...TIERS.map((tier, at) => ({
    name: "inference" as const,
    group: `sluice.inference.${tier}`,
    inputs: both(names.jobs(tier)),
    // A weak answer goes to the tier above.
    outputs: [names.outcomes, ...retries, ...TIERS.slice(at + 1).flatMap((above) => both(names.jobs(above)))],
  })),
  { name: "results", group: "sluice.results", inputs: [names.outcomes], outputs: [names.results] },
];

export function flowTopics(): FlowTopics {
  const inputs_of = Object.fromEntries(
    [...Map.groupBy(STAGES, ({ name }) => name)].map(([name, stages]) => [
      name,
      stages.flatMap(({ inputs }) => inputs),
    ]),
  );
  return {
    requests: both(names.requests),
    results: names.results,
    dlq: names.dlq,
    outcomes: names.outcomes,
    detours: [...retries, names.deferred],
    inputs_of,
    transactional_group: "sluice.results",
  };
}
