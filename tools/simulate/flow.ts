/** The real flow as a scenario: the services' own handlers, wired as their `main.ts` wire them, on simulated ports. */

import { priceSchema } from "../../libs/shared/config/inference.ts";
import { routingSchema } from "../../libs/shared/config/routing.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type DeadLetterWriter, deadLetterOf } from "../../libs/shared/events/dead-letters.ts";
import { redeliveryPolicy } from "../../libs/shared/events/redelivery.ts";
import { topicEvents } from "../../libs/shared/events/topics.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { afterFailure } from "../../services/inference/after-failure.ts";
import { runAttempts } from "../../services/inference/attempts.ts";
import type { Backend } from "../../services/inference/backend.ts";
import { DeadLetterGuard } from "../../services/inference/dead-letter-guard.ts";
import { createInferenceHandler, type InferenceDeps } from "../../services/inference/handler.ts";
import { AttemptLedger } from "../../services/inference/ledger/ledger.ts";
import type { ModelClient } from "../../services/inference/model-client.ts";
import { type Outgoing, type SendingDeps, sendSingly } from "../../services/inference/sending.ts";
import { JobTokens } from "../../services/inference/streaming/job-tokens.ts";
import { createResultsHandler, transactionalDeadLetter } from "../../services/results/handler.ts";
import { createRouterHandler, type RouterDeps } from "../../services/router/handler.ts";
import { NO_ROLLOUTS } from "../../services/router/rollout/contract.ts";
import { chooseRoute } from "../../services/router/route.ts";
import { routingTable } from "../../services/router/table.ts";
import { ALIVE_TTL_MS, attemptStore } from "./attempts.ts";
import { SimulatedCodec, SimulatedSchemas } from "./codec.ts";
import { flowInvariants, moneyInvariants } from "./flow-checks.ts";
import { FlowIndex } from "./flow-index.ts";
import { type Entry, type IngestShared, ingestHandler, ledgerHandler } from "./flow-ingest.ts";
import type { FlowView } from "./flow-invariants.ts";
import { both, flowTopics, jobs, names, RETRY_DELAYS, retries, STAGES } from "./flow-stages.ts";
import { drawPlans, PRICE, PRICE_USD } from "./plans.ts";
import type { Random } from "./random.ts";
import type { ScenarioFactory, ServiceParts, ServiceSpec } from "./scenario.ts";
import {
  COMPLETION_TOKENS_MAX,
  cacheAnswers,
  claimStore,
  jobViews,
  type ModelRates,
  modelClient,
  Stores,
} from "./stores.ts";
import { askOnceMore, drawWorkload, type Stage, TIERS } from "./workload.ts";

/** Smaller than what the log takes, so that a record can be too large for the flow. */
const READ_BYTES_MAX = 4_096;

const NO_STREAM = { start() {}, token() {}, end() {} };

const NEVER = new AbortController().signal;

const TABLE = routingTable({
  tiers: {
    small: { kind: "chat", models: ["small-1"] },
    large: { kind: "chat", models: ["large-1"] },
  },
  routing: routingSchema.parse({ default_tier: "small", embeddings_tier: "small", complexity: { method: "none" } }),
});

const MODEL_PRICE = priceSchema.parse({ ...PRICE_USD, output_tokens_max: COMPLETION_TOKENS_MAX });

/** A refusal in words goes to the next tier, where what is held suffices for two calls: so it is of a part of the requests. */
const HOPS: InferenceDeps["settings"] = {
  routing: routingSchema.parse({ ...TABLE.routing, escalation: { enabled: true, on: ["refusal"] } }),
  tiers: {
    small: { kind: "chat", models: ["small-1"], prompts: {} },
    large: { kind: "chat", models: ["large-1"], prompts: {} },
  },
  prices: { version: "simulated", models: { "small-1": MODEL_PRICE, "large-1": MODEL_PRICE } },
  // Beside what inference keeps free for the head, room for a head of the flow's own records.
  topics: { record_bytes_max: READ_BYTES_MAX + 62 * 1024 },
};

const ROUTING: Omit<RouterDeps, keyof Common> = {
  settings: { request_bytes_max: READ_BYTES_MAX },
  lookUp: async () => ({ kind: "bypass", why: "no cache is simulated" }),
  choose: async (asked) => chooseRoute({ ...asked, rollouts: NO_ROLLOUTS, sticky: asked.head.id }, TABLE),
  check: () => undefined,
  ended: () => undefined,
};

/** What the services of one run share. */
type Shared = IngestShared & {
  readonly schemas: SimulatedSchemas;
  readonly model: ModelRates;
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
      latency_ms: random.int(5, 1_500),
    },
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
    invariants: [...moneyInvariants(view, stores, shared.plans, clock), ...flowInvariants(view, stores)],
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
        ...batches,
        build: (parts) => ({
          ...published(parts),
          handler: poisoned(stage, createRouterHandler({ ...common(parts), ...ROUTING })),
        }),
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

function inference(parts: ServiceParts, common: Common, shared: Shared): Handler {
  const { process, clock, random } = parts;
  const client = modelClient(process, shared.stores, shared.model, process.random.fork());
  const retry = { base_ms: 50, cap_ms: 1_000 };
  const sending: SendingDeps = {
    backend: openBackend(client),
    clock,
    prices: { version: "simulated", priceOf: () => PRICE },
    response_bytes_max: 100_000,
    idle_ms: 5_000,
    called: () => undefined,
  };
  const attempts = {
    clock,
    random,
    send: (outgoing: Outgoing) => sendSingly(sending, outgoing),
    has_other_keys: false,
    attempts_max: 3,
    retry,
    timeout_ms: 5_000,
    on_unknown: "retry" as const,
  };
  const after = { names, redelivery: redeliveryPolicy({ rounds_max: 2, age_max_minutes: 5 }, RETRY_DELAYS) };
  return createInferenceHandler({
    ...common,
    settings: HOPS,
    ledger: new AttemptLedger({
      store: attemptStore(process, shared.stores, shared.plant === "blind-ledger"),
      clock,
      retry: { clock, random, log: silentLog, policy: retry },
      settings: { on_unknown: "retry", answer_ttl_hours: 24, published_ttl_minutes: 10, alive_ttl_ms: ALIVE_TTL_MS },
      instance: process.name,
      counted: () => undefined,
    }),
    attempt: (work) => runAttempts({ ...attempts, models: [work.job.route.model] }, work),
    tokens: () => new JobTokens(() => NO_STREAM),
    cancellation: () => ({ signal: NEVER, release: () => undefined }),
    afterFailure: (record, job, request, failed, now_ms) =>
      afterFailure({ ...after, on_unknown: "retry" }, record, job, request, failed, now_ms),
    guard: new DeadLetterGuard({ ratio: 0.8, window_requests: 20, pause_ms: 2_000 }),
    ended: () => undefined,
  });
}

/** One endpoint with room for all: what stands before a call is tested by itself. */
function openBackend(client: ModelClient): Backend {
  return {
    permit: async () => ({ kind: "permit", endpoint: "simulated", client, waited_ms: {}, end: () => undefined }),
  };
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
        cache: { answers: cacheAnswers(process, shared.stores), response_bytes_max: READ_BYTES_MAX },
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
