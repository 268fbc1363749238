/** Inference's handler on ports in memory and virtual time. */
import assert from "node:assert/strict";
import { priceSchema } from "../../../libs/shared/config/inference.ts";
import { routingSchema } from "../../../libs/shared/config/routing.ts";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { redeliveryPolicy } from "../../../libs/shared/events/redelivery.ts";
import type { InRecord, OutRecord, RecordHeaders } from "../../../libs/shared/kafka/ports.ts";
import { afterFailure } from "../../../services/inference/after-failure.ts";
import { runAttempts } from "../../../services/inference/attempts.ts";
import { DeadLetterGuard } from "../../../services/inference/dead-letter-guard.ts";
import { createInferenceHandler, type JobEnd } from "../../../services/inference/handler.ts";
import type { ModelAnswer, ModelCall } from "../../../services/inference/model-client.ts";
import { sendSingly } from "../../../services/inference/sending.ts";
import { type HopSettings, Shaper } from "../../../services/inference/shaping.ts";
import { Cancellations } from "../../../services/inference/streaming/cancellations.ts";
import { JobTokens } from "../../../services/inference/streaming/job-tokens.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { MemoryAttempts } from "../../support/memory-attempts.ts";
import { DEAD_LETTERS, hopRecord, jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";
import { jobOf, ledgerOn, OpenBackend, PRICES, RETRY, ScriptedModel, TIMEOUT_MS } from "./fixture.ts";

export const REQUEST = Buffer.from('{"tenant":"demo","body":{"messages":[]}}');

export type WorldOptions = {
  readonly on_unknown?: "retry" | "quarantine";
  readonly random?: number;
  readonly rounds_max?: number;
  readonly attempts_max?: number;
  readonly guard_window?: number;
  readonly models?: readonly string[];
  readonly has_other_keys?: boolean;
  readonly settings?: HopSettings;
};

/** Two chat tiers at `PRICES`, where no answer goes to another one. */
export const HOPS: HopSettings = {
  routing: routingSchema.parse({ default_tier: "small", embeddings_tier: "small" }),
  tiers: {
    small: { kind: "chat", models: ["m1"], prompts: {} },
    large: { kind: "chat", models: ["m2"], prompts: {} },
  },
  prices: {
    version: "v1",
    models: Object.fromEntries(
      ["m1", "m2"].map((model) => [model, priceSchema.parse({ input_usd_per_mtok: 1, output_usd_per_mtok: 1 })]),
    ),
  },
  topics: { record_bytes_max: 8 * 1024 * 1024 },
};

export type RunOptions = {
  /** `deadline_ms` counts from the start of the test. */
  readonly job?: Partial<JobHead>;
  readonly request?: object;
  readonly headers?: RecordHeaders;
  readonly stopping?: AbortSignal;
  readonly isAssigned?: () => boolean;
};

/** One worker, its model and all that it writes to. */
export class World {
  readonly clock = new VirtualClock();
  readonly store = new MemoryAttempts();
  readonly publisher = new MemoryPublisher();
  readonly cancellations = new Cancellations(this.clock);
  readonly model: ScriptedModel;
  readonly backend: OpenBackend;
  /** Outcomes of the calls, as metrics are told. */
  readonly called: string[] = [];
  readonly ends: JobEnd[] = [];
  readonly hops: string[] = [];
  readonly guard: DeadLetterGuard;
  /** What streams of tokens are told, a word each. */
  readonly streamed: string[] = [];
  readonly #options: WorldOptions;

  constructor(replies: readonly (ModelAnswer | ((call: ModelCall) => ModelAnswer))[], options: WorldOptions = {}) {
    this.#options = options;
    this.model = new ScriptedModel(this.clock, replies);
    this.backend = new OpenBackend(this.model);
    const window_requests = options.guard_window ?? 1_000;
    this.guard = new DeadLetterGuard({ ratio: 0.5, window_requests, pause_ms: 30_000 });
  }

  /** A process of its own, with the same parts behind it. */
  handler(instance = "a") {
    const { clock, store, publisher, backend, called } = this;
    const { on_unknown = "retry", random = 0.5, rounds_max = 0, attempts_max = 4 } = this.#options;
    const { models, has_other_keys = false, settings = HOPS } = this.#options;
    const sending = { backend, clock, prices: PRICES, response_bytes_max: 10_000, idle_ms: 5_000 };
    const redelivery = redeliveryPolicy({ rounds_max, age_max_minutes: 60 }, ["5s", "1m"]);
    const shaper = new Shaper(settings);
    return createInferenceHandler({
      codec: jsonCodec,
      publisher,
      clock,
      names: NAMES,
      dead_letters: DEAD_LETTERS,
      settings,
      ledger: ledgerOn(store, clock, { instance, on_unknown }),
      attempt: (work) =>
        runAttempts(
          {
            clock,
            random: () => random,
            send: (one) => sendSingly({ ...sending, called: ({ outcome }) => called.push(outcome) }, one),
            models: models ?? [work.job.route.model],
            has_other_keys,
            attempts_max,
            retry: RETRY,
            timeout_ms: TIMEOUT_MS,
            on_unknown,
            shaper,
          },
          work,
        ),
      tokens: () =>
        new JobTokens(() => ({
          start: ({ attempt }) => void this.streamed.push(`start ${attempt}`),
          token: () => void this.streamed.push("token"),
          end: ({ status }) => void this.streamed.push(status),
        })),
      cancellation: (tenant, id) => this.cancellations.signalFor(tenant, id),
      afterFailure: (...failed) => afterFailure({ names: NAMES, redelivery, on_unknown }, ...failed),
      guard: this.guard,
      hopped: (end) => void this.hops.push(end),
      ended: (end) => this.ends.push(end),
    });
  }

  /** A job's record, as it comes from the router. */
  record({ job = {}, request, headers = {} }: RunOptions = {}): InRecord {
    const deadline = job.deadline_ms === undefined ? {} : { deadline_ms: START_MS + job.deadline_ms };
    const head = jobOf({ timing: { received: START_MS }, ...job, ...deadline });
    const carried = request === undefined ? REQUEST : Buffer.from(JSON.stringify(request));
    return hopRecord(head, "request", carried, { headers: { traceparent: "t", ...headers } });
  }

  /** Handles one job to its end. */
  async run(options: RunOptions = {}, handler = this.handler()): Promise<void> {
    const { stopping = new AbortController().signal, isAssigned = () => true } = options;
    await this.settled(handler([this.record(options)], { isAssigned, stopping }));
  }

  /** Lets time pass until the promise has settled. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const end = (): void => {
      done = true;
    };
    promise.then(end, end);
    assert.ok(await this.clock.run(() => done, START_MS + 86_400_000), "it ends");
    return promise;
  }

  /** The one outcome that was published. */
  get outcome(): Outcome {
    const found = this.publisher.values(NAMES.outcomes);
    assert.equal(found.length, 1, "one outcome");
    return found[0] as Outcome;
  }

  to(topic: string): OutRecord[] {
    return this.publisher.records.filter((record) => record.topic === topic);
  }
}

type Outcome = {
  readonly status: string;
  readonly error?: { readonly code: string; readonly message: string; readonly retry_after_ms?: number };
  readonly response?: object;
  readonly unknown_calls?: number;
  readonly reservation?: { readonly hold_id: string };
  readonly usage?: { readonly cost_usd: number; readonly estimated: boolean };
  readonly route: { readonly attempts: number; readonly model: string; readonly endpoint?: string };
  readonly trace?: { readonly attempts: readonly { readonly outcome: string; readonly status?: number }[] };
  readonly timing: {
    readonly received: number;
    readonly dispatched?: number;
    readonly completed: number;
    readonly waited_ms?: Record<string, number>;
  };
};
