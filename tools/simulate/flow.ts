/** The real flow as a scenario: the services' own handlers, wired as their `main.ts` wire them, on simulated ports. */

import { SluiceError } from "../../libs/shared/errors.ts";
import { type DeadLetterWriter, deadLetterOf } from "../../libs/shared/events/dead-letters.ts";
import { topicEvents } from "../../libs/shared/events/topics.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { createResultsHandler, transactionalDeadLetter } from "../../services/results/handler.ts";
import { createRouterHandler, type RouterDeps } from "../../services/router/handler.ts";
import { NO_ROLLOUTS } from "../../services/router/rollout/contract.ts";
import { chooseRoute } from "../../services/router/route.ts";
import { SimulatedCodec, SimulatedSchemas } from "./codec.ts";
import { drawCacheSettings, keptAnswers, routerCache, type SimulatedCacheSettings } from "./flow-cache.ts";
import { cacheInvariants, flowInvariants, moneyInvariants } from "./flow-checks.ts";
import { FlowIndex } from "./flow-index.ts";
import { inference, TABLE } from "./flow-inference.ts";
import { type Entry, type IngestShared, ingestHandler, ledgerHandler } from "./flow-ingest.ts";
import type { FlowView } from "./flow-invariants.ts";
import { both, flowTopics, jobs, names, READ_BYTES_MAX, RETRY_DELAYS, retries, STAGES } from "./flow-stages.ts";
import type { SimulatedLog } from "./log.ts";
import type { ModelRates } from "./model.ts";
import { drawPlans } from "./plans.ts";
import type { Random } from "./random.ts";
import type { ScenarioFactory, ServiceParts, ServiceSpec } from "./scenario.ts";
import { claimStore, jobViews, Stores } from "./stores.ts";
import { askOnceMore, drawWorkload, type Stage, TIERS } from "./workload.ts";

const ROUTING: Omit<RouterDeps, keyof Common | "lookUp" | "ended"> = {
  settings: { request_bytes_max: READ_BYTES_MAX },
  choose: async (asked) => chooseRoute({ ...asked, rollouts: NO_ROLLOUTS, sticky: asked.head.id }, TABLE),
  check: () => undefined,
};

/** What the services of one run share. */
type Shared = IngestShared & {
  readonly schemas: SimulatedSchemas;
  readonly model: ModelRates;
  readonly cache: SimulatedCacheSettings;
  readonly log: SimulatedLog;
};

export const flowScenario: ScenarioFactory = ({ random, clock, cluster, chaos_ms, plant }) => {
  const stores = new Stores(clock);
  const shared: Shared = {
    plant,
    stores,
    plans: drawPlans(random.fork()),
    ledger: () => cluster.log.partitions(names.usage),
    schemas: new SimulatedSchemas([...topicEvents("llm.", TIERS).keys()]),
    model: {
      refusal: random.next() * 0.3,
      garbage: random.next() * 0.1,
      weak: random.next() * 0.5,
      cut: random.next() * 0.3,
      latency_ms: random.int(5, 1_500),
    },
    cache: drawCacheSettings(random.fork(), plant),
    log: cluster.log,
  };
  const workload = drawWorkload(random.fork(), names.requests, shared.schemas.idOf(names.requests), chaos_ms);
  // Lost counters are noticed by whoever asks next.
  const inputs = [...workload.inputs, askOnceMore(names.requests, chaos_ms, workload.expected)];
  const index = new FlowIndex(cluster, STAGES, names.dlq, [names.outcomes, names.results], [names.deferred]);
  const view: FlowView = {
    topics: flowTopics(),
    index,
    expected: workload.expected,
    idsWereForgotten: () => stores.redis_lost,
  };
  scheduleOutages(random.fork(), stores, chaos_ms, (at_ms, task) => void clock.after(at_ms, task));
  return {
    topics: drawTopics(random),
    services: drawServices(random, shared),
    inputs,
    invariants: [
      ...flowInvariants(view, stores),
      ...moneyInvariants(view, stores, shared.plans, clock),
      ...cacheInvariants(stores, shared.cache.coalesce, clock),
    ],
    subjectOf: (record) => index.subjectOf(record),
    onAppend: (record, transaction) => index.add(record, transaction),
    isAtRest: () => stores.counters.lives,
  };
};

function drawTopics(random: Random): Record<string, number> {
  const work = [
    ...both(names.requests),
    ...both(names.admitted),
    ...jobs,
    ...retries,
    names.outcomes,
    names.results,
    names.dlq,
    names.usage,
    names.deferred,
    names.cache,
  ];
  return Object.fromEntries(work.map((topic) => [topic, random.int(1, 4)]));
}

type Wiring = Pick<ServiceSpec, "order" | "commit_by" | "build"> & {
  readonly max_in_flight: number;
  readonly single?: boolean;
};

function drawServices(random: Random, shared: Shared): ServiceSpec[] {
  return STAGES.map(({ name, group, inputs }) => {
    const { max_in_flight, single, ...wiring } = wire(name, group, shared, random.fork());
    return {
      ...wiring,
      name: group.slice("sluice.".length),
      group,
      topics: Object.fromEntries(inputs.map((topic) => [topic, topic.endsWith(".batch") ? "batch" : "interactive"])),
      instances: random.int(1, 3),
      max_in_flight,
      batch_records_max: single ? 1 : random.int(1, 20),
      queued_records_max: random.int(1, 30),
    };
  });
}

/** Each as in its service's `main.ts`. */
function wire(stage: Stage | "ledger", group: string, shared: Shared, random: Random): Wiring {
  const dead_letters: DeadLetterWriter = { service: stage, group, topic: names.dlq };
  const common = ({ process, publisher, clock }: ServiceParts) => ({
    codec: new SimulatedCodec(process, shared.schemas, READ_BYTES_MAX),
    publisher,
    clock,
    names,
    dead_letters,
  });
  const published = ({ publisher }: ServiceParts) => ({
    deadLetter: async (record: InRecord, error: unknown) =>
      publisher.publish([deadLetterOf(dead_letters, record, error)]),
  });
  const batches = { order: "fetch", commit_by: "engine", max_in_flight: 1 } as const;
  switch (stage) {
    case "ingest": {
      const entry = entryOf(group);
      return {
        ...batches,
        ...(entry.kind === "first" ? {} : { max_in_flight: random.int(1, 100), single: true }),
        build: (parts) => ({
          ...published(parts),
          handler: poisoned(stage, ingestHandler(parts, common(parts), shared, entry)),
        }),
      };
    }
    case "ledger":
      return {
        order: "partition",
        commit_by: "engine",
        max_in_flight: random.int(1, 4),
        build: (parts) => ({ ...published(parts), handler: ledgerHandler(parts, common(parts), shared) }),
      };
    case "router":
      return {
        order: "key",
        commit_by: "engine",
        max_in_flight: random.int(1, 20) + shared.cache.coalesce.waiting_max,
        single: true,
        build: (parts) => ({ ...published(parts), handler: poisoned(stage, router(parts, common(parts), shared)) }),
      };
    case "inference":
      return {
        order: "key",
        commit_by: "engine",
        max_in_flight: random.int(1, 8),
        single: true,
        build: (parts) => ({ ...published(parts), handler: poisoned(stage, inference(parts, common(parts), shared)) }),
      };
    case "results":
      return {
        order: "partition",
        commit_by: "handler",
        max_in_flight: random.int(1, 4),
        build: (parts) => results(parts, common(parts), shared, dead_letters),
      };
  }
}

type Common = Pick<RouterDeps, "codec" | "publisher" | "clock" | "names" | "dead_letters">;

function entryOf(group: string): Entry {
  if (group.endsWith(".deferred")) return { kind: "deferred" };
  const delay = RETRY_DELAYS.find((name) => group.endsWith(`.retry.${name}`));
  return delay === undefined ? { kind: "first" } : { kind: "retry", delay };
}

function router({ process }: ServiceParts, common: Common, shared: Shared): Handler {
  const { counts } = process.trace;
  return createRouterHandler({
    ...common,
    ...ROUTING,
    lookUp: routerCache(process, common, { ...shared, table: TABLE }),
    ended: ({ cache }) => {
      if (cache === "exact") counts.hits_exact += 1;
      if (cache === "semantic") counts.hits_semantic += 1;
      if (cache === "coalesced") counts.hits_coalesced += 1;
    },
  });
}

function results(
  parts: ServiceParts,
  common: Common,
  shared: Shared,
  dead_letters: DeadLetterWriter,
): ReturnType<ServiceSpec["build"]> {
  const { process, transactions } = parts;
  return {
    deadLetter: transactionalDeadLetter(transactions, dead_letters),
    handler: poisoned(
      "results",
      createResultsHandler({
        ...common,
        claims: claimStore(process, shared.stores),
        views: jobViews(process, shared.stores),
        cache: { answers: keptAnswers(process, shared.stores, shared.plant), response_bytes_max: READ_BYTES_MAX },
        transactions,
        count: () => undefined,
      }),
    ),
  };
}

/** A handler with a bug: some records make it throw, wherever it is in its batch. */
function poisoned(stage: Stage, handler: Handler): Handler {
  const mark = `"poison":"${stage}"`;
  return async (records, context) => {
    if (records.some(({ value }) => value?.toString().replaceAll(": ", ":").includes(mark))) {
      throw new SluiceError("internal_error", `a bug in ${stage}`);
    }
    await handler(records, context);
  };
}

/** Stores go away and come back; now and then Redis comes back with nothing. */
function scheduleOutages(
  random: Random,
  stores: Stores,
  chaos_ms: number,
  at: (at_ms: number, task: () => void) => void,
): void {
  for (let count = random.int(0, 3); count > 0; count -= 1) {
    const name = random.pick(["redis", "postgres", "model"] as const);
    const from_ms = random.int(0, chaos_ms - 1);
    at(from_ms, () => stores.setAway(name, true));
    at(Math.min(chaos_ms, from_ms + random.int(100, 8_000)), () => stores.setAway(name, false));
  }
  if (random.chance(0.2)) at(random.int(0, chaos_ms), () => stores.loseRedis());
}
