/** Inference's part of the flow, wired as its `main.ts` wires it, and the tiers that it shares with the router. */
import { priceSchema } from "../../libs/shared/config/inference.ts";
import { routingSchema } from "../../libs/shared/config/routing.ts";
import { redeliveryPolicy } from "../../libs/shared/events/redelivery.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
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
import { routingTable } from "../../services/router/table.ts";
import { ALIVE_TTL_MS, attemptStore } from "./attempts.ts";
import { names, READ_BYTES_MAX, RETRY_DELAYS } from "./flow-stages.ts";
import { COMPLETION_TOKENS_MAX, type ModelRates, modelClient } from "./model.ts";
import { PRICE, PRICE_USD } from "./plans.ts";
import type { Plant, ServiceParts } from "./scenario.ts";
import type { Stores } from "./stores.ts";

export type InferenceShared = {
  readonly plant: Plant | undefined;
  readonly stores: Stores;
  readonly model: ModelRates;
};

/** What inference's handler has in common with the other services'. */
type Common = Pick<InferenceDeps, "codec" | "publisher" | "clock" | "names" | "dead_letters">;

const NO_STREAM = { start() {}, token() {}, end() {} };

const NEVER = new AbortController().signal;

export const TABLE = routingTable({
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

export function inference(parts: ServiceParts, common: Common, shared: InferenceShared): Handler {
  const { process, clock, random } = parts;
  const draws = process.random.fork();
  const clientOf = (tenant: string) => modelClient(process, shared.stores, shared.model, draws, tenant);
  const retry = { base_ms: 50, cap_ms: 1_000 };
  const sending: Omit<SendingDeps, "backend"> = {
    clock,
    prices: { version: "simulated", priceOf: () => PRICE },
    response_bytes_max: 100_000,
    idle_ms: 5_000,
    called: () => undefined,
  };
  const attempts = {
    clock,
    random,
    send: (outgoing: Outgoing) =>
      sendSingly({ ...sending, backend: openBackend(clientOf(outgoing.job.tenant)) }, outgoing),
    has_other_keys: false,
    attempts_max: 3,
    retry,
    timeout_ms: 5_000,
    on_unknown: "retry" as const,
  };
  const after = { names, redelivery: redeliveryPolicy({ rounds_max: 2, age_max_minutes: 5 }, RETRY_DELAYS) };
  return createInferenceHandler({
    ...common,
    publisher: shared.plant === "cache-incomplete" ? careless(common.publisher) : common.publisher,
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

/** A planted bug: every answer is taken for a whole one. */
function careless(publisher: Publisher): Publisher {
  const whole = (record: OutRecord): OutRecord => {
    if (record.topic !== names.outcomes || record.value === null) return record;
    // As long as before: the place of the answer behind it stays right.
    const json = record.value.toString("latin1").replace('"complete":false', '"complete":true ');
    return { ...record, value: Buffer.from(json, "latin1") };
  };
  return { publish: (records) => publisher.publish(records.map(whole)) };
}
