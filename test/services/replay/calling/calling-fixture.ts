/** A replay that calls, on ports in memory and virtual time: its ledger, its rows and its model outlive the processes that use them. */
import assert from "node:assert/strict";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import type { Settings } from "../../../../libs/shared/config/schema.ts";
import type { Route } from "../../../../libs/shared/events/fields.ts";
import { redeliveryPolicy } from "../../../../libs/shared/events/redelivery.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { priceList } from "../../../../libs/shared/prices.ts";
import type { ReplaySpec } from "../../../../libs/shared/replay/replay.ts";
import type { WebhookEvent } from "../../../../libs/shared/webhooks/event.ts";
import { afterFailure } from "../../../../services/inference/after-failure.ts";
import { runAttempts } from "../../../../services/inference/attempts.ts";
import { DeadLetterGuard } from "../../../../services/inference/dead-letter-guard.ts";
import { createInferenceHandler } from "../../../../services/inference/handler.ts";
import { AttemptLedger } from "../../../../services/inference/ledger/ledger.ts";
import type { Swap } from "../../../../services/inference/ledger/store.ts";
import type { ModelAnswer, ModelCall, ModelClient } from "../../../../services/inference/model-client.ts";
import { sendSingly } from "../../../../services/inference/sending.ts";
import { Shaper } from "../../../../services/inference/shaping.ts";
import { JobTokens } from "../../../../services/inference/streaming/job-tokens.ts";
import { WatchedAttempts } from "../../../../services/replay/calling/attempts-watched.ts";
import { fillOf } from "../../../../services/replay/calling/beside.ts";
import { ReplayBudget } from "../../../../services/replay/calling/budget.ts";
import {
  type CallPlace,
  type CallRow,
  type CallRows,
  callPlaceId,
} from "../../../../services/replay/calling/call-rows.ts";
import { CallingWorker } from "../../../../services/replay/calling/calling-worker.ts";
import { CatchingPublisher, PLAIN_CODEC } from "../../../../services/replay/calling/caught.ts";
import { Holds } from "../../../../services/replay/calling/holds.ts";
import { targetOf } from "../../../../services/replay/calling/target.ts";
import type { Recorded, ReplayedChunk } from "../../../../services/replay/contract.ts";
import { NO_ROLLOUTS } from "../../../../services/router/rollout/contract.ts";
import { chooseRoute } from "../../../../services/router/route.ts";
import { stickyOf } from "../../../../services/router/sticky.ts";
import { routingTable } from "../../../../services/router/table.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryAttempts } from "../../../support/memory-attempts.ts";
import { DEAD_LETTERS, inRecord, jsonCodec, NAMES } from "../../../support/memory-ports.ts";
import { OpenBackend, RETRY } from "../../inference/fixture.ts";

/** A prompt costs little, an answer of 100 tokens at the most a dollar a million of `small`, ten of `large`. */
export const YAML = `
tiers:
  small: { kind: chat, models: [m1], endpoint: default }
  large: { kind: chat, models: [m2], endpoint: default }
  embed: { kind: embeddings, models: [e1], endpoint: default }
prices:
  version: v1
  models:
    m1: { input_usd_per_mtok: 1, output_usd_per_mtok: 1, output_tokens_max: 100 }
    m2: { input_usd_per_mtok: 10, output_usd_per_mtok: 10, output_tokens_max: 100 }
    e1: { input_usd_per_mtok: 1, output_usd_per_mtok: 0 }
routing: { default_tier: small, embeddings_tier: embed, complexity: { method: none } }
inference: { attempts_max: 2, redelivery: { rounds_max: 1 } }
`;

export const ESCALATES = YAML.replace("method: none } }", "method: none }, escalation: { enabled: true } }");

export function settingsOf(yaml = YAML): Settings {
  return parseSettings(yaml, "sluice.yaml");
}

const RECORDED: Route = {
  tier: "small",
  model: "m1",
  reason: "default",
  cache: "miss",
  attempts: 1,
  decision: { by: "default" },
};

export type RecordedOptions = {
  readonly route?: Partial<Route> | null;
  readonly request?: object | null;
  readonly partition?: number;
};

export function recorded(offset: number, { route, request, partition = 0 }: RecordedOptions = {}): Recorded {
  const id = `r${offset}`;
  const asked = {
    tenant: "demo",
    id,
    body: { messages: [{ role: "user", content: `question ${offset}` }] },
    ...request,
  };
  const value = Buffer.from(JSON.stringify(asked));
  const original = {
    ...{ id, tenant: "demo", status: "succeeded" as const, timing: { received: 1 } },
    ...(route === null ? {} : { route: { ...RECORDED, ...route } }),
  };
  return {
    source: inRecord(value, { offset, partition, headers: { "sluice-reply-to": "gone", traceparent: "t" } }),
    ...{
      tenant: "demo",
      id,
      key: Buffer.from(id),
      received_ms: 1_000,
      headers: { "sluice-reply-to": "gone", traceparent: "t" },
    },
    ...(request === null ? {} : { request: value }),
    original,
  };
}

/** 10 tokens in, 5 out: 15 µ$ of `small`. */
export function says(content: string): ModelAnswer {
  const body = {
    id: "c1",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5 },
  };
  return { kind: "answered", status: 200, body: Buffer.from(JSON.stringify(body)) };
}

export const SMALL_NUSD = 15_000;

export class Crash extends Error {}

/** Rows as in Postgres. */
export class MemoryRows implements CallRows {
  readonly rows = new Map<string, { reserved_nusd: number; cost_nusd: number | undefined }>();

  async totals() {
    const all = [...this.rows.values()];
    const sum = (values: readonly number[]): number => values.reduce((before, value) => before + value, 0);
    return {
      spent_nusd: sum(all.map(({ cost_nusd }) => cost_nusd ?? 0)),
      held_nusd: sum(all.map(({ reserved_nusd, cost_nusd }) => (cost_nusd === undefined ? reserved_nusd : 0))),
    };
  }

  async find(places: readonly CallPlace[]): Promise<ReadonlyMap<string, CallRow>> {
    return new Map(
      places.flatMap((place) => {
        const row = this.rows.get(callPlaceId(place));
        return row === undefined ? [] : [[callPlaceId(place), { ...row }] as const];
      }),
    );
  }

  async hold(place: CallPlace, reserved_nusd: number): Promise<void> {
    this.rows.set(callPlaceId(place), { reserved_nusd, cost_nusd: undefined });
  }

  async settle(place: CallPlace, cost_nusd: number): Promise<void> {
    const row = this.rows.get(callPlaceId(place));
    if (row !== undefined) row.cost_nusd = cost_nusd;
  }
}

export type WorldOptions = {
  readonly spec?: Partial<ReplaySpec>;
  readonly budget_nusd?: number;
  readonly yaml?: string;
  readonly in_flight_max?: number;
};

export class CallingWorld {
  readonly clock = new VirtualClock();
  readonly store = new MemoryAttempts();
  readonly rows = new MemoryRows();
  readonly told: WebhookEvent[] = [];
  /** The bodies of all calls. */
  readonly calls: { readonly model: string; readonly text: string; readonly body: Record<string, unknown> }[] = [];
  /** What the model says to a call. */
  reply: (model: string, text: string, nth: number) => ModelAnswer = () => says("fine");
  /** Steps after which the process dies: swaps, rows and calls count. */
  #dies_at = Number.POSITIVE_INFINITY;
  #after = false;
  steps = 0;
  #dead = false;
  readonly #options: WorldOptions;
  #processes = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
  }

  /** The next process dies at that step, before or after it was done. */
  dieAt(step: number, after: boolean): void {
    this.steps = 0;
    this.#dies_at = step;
    this.#after = after;
  }

  async worker(more: WorldOptions = {}): Promise<CallingWorker> {
    const { spec = {}, budget_nusd = 1e9, yaml, in_flight_max = 4 } = { ...this.#options, ...more };
    this.#processes += 1;
    this.#dead = false;
    this.store.alive.clear();
    const instance = `p${this.#processes}`;
    this.store.alive.add(instance);
    const replay = {
      id: "rp1",
      spec: { mode: "recompute", selection: { topic: NAMES.requests }, ...spec } as ReplaySpec,
    };
    const deployed = settingsOf(yaml);
    const settings = replay.spec.settings === undefined ? deployed : settingsOf(replay.spec.settings.yaml);
    const rows: CallRows = {
      totals: () => this.rows.totals(),
      find: (places) => this.rows.find(places),
      hold: (...held) => this.#step(() => this.rows.hold(...held)),
      settle: (...settled) => this.#step(() => this.rows.settle(...settled)),
    };
    const retry = { clock: this.clock, random: () => 0.5, log: silentLog, policy: RETRY };
    const budget = new ReplayBudget({ budget_nusd, ...(await this.rows.totals()), in_flight_max });
    const holds = new Holds({ budget, rows, retry });
    const store = {
      swap: (swap: Swap) => this.#step(() => this.store.swap(swap)),
      read: (job: Swap["job"]) => this.store.read(job),
      isAlive: (one: string) => this.store.isAlive(one),
    };
    const attempts: WatchedAttempts = new WatchedAttempts(store, (id, counts) =>
      holds.beforeCall(id, counts, attempts.found(id)),
    );
    const publisher = new CatchingPublisher();
    const handler = this.#handler({ settings, attempts, publisher, retry, instance });
    const table = routingTable(settings);
    const { clock } = this;
    return new CallingWorker({
      ...{ clock, replay, attempts, budget, holds, rows, deployed, codec: jsonCodec, names: NAMES },
      plan: {
        ...{ replay, settings, target: targetOf(replay.spec, settings), encodings: new Map() },
        tenantPlan: (tenant) => (tenant === "nobody" ? undefined : {}),
        choose: async (asked) => chooseRoute({ ...asked, rollouts: NO_ROLLOUTS, sticky: stickyOf(asked.head) }, table),
        fillOf: (...asked) => fillOf(deployed, ...asked),
      },
      jobs: { clock, names: NAMES, publisher, handlerOf: () => handler },
      outbox: { add: async (events) => void this.told.push(...events) },
      callbackProblem: () => undefined,
      close: async () => undefined,
    });
  }

  #handler({
    settings,
    attempts,
    publisher,
    retry,
    instance,
  }: {
    settings: Settings;
    attempts: WatchedAttempts;
    publisher: CatchingPublisher;
    retry: ConstructorParameters<typeof AttemptLedger>[0]["retry"];
    instance: string;
  }) {
    const { clock } = this;
    const client: ModelClient = { call: (call) => this.#call(call) };
    const prices = priceList(settings.prices, settings.admission.unknown_price);
    const sending = { backend: new OpenBackend(client), clock, prices, response_bytes_max: 10_000, idle_ms: 5_000 };
    const {
      attempts_max,
      redelivery,
      ledger: { on_unknown },
    } = settings.inference;
    const policy = redeliveryPolicy(redelivery, settings.topics.retry_delays);
    const shaper = new Shaper(settings);
    return createInferenceHandler({
      ...{ codec: PLAIN_CODEC, publisher, clock, names: NAMES, dead_letters: DEAD_LETTERS, settings },
      ledger: new AttemptLedger({
        store: attempts,
        clock,
        retry,
        settings: settings.inference.ledger,
        instance,
        counted: () => undefined,
      }),
      attempt: (work) =>
        runAttempts(
          {
            ...{
              clock,
              random: () => 0.5,
              has_other_keys: false,
              attempts_max,
              retry: RETRY,
              timeout_ms: 10_000,
              on_unknown,
              shaper,
            },
            send: (one) => sendSingly({ ...sending, called: () => undefined }, one),
            models: [work.job.route.model],
          },
          work,
        ),
      tokens: () => new JobTokens(() => ({ start: () => undefined, token: () => undefined, end: () => undefined })),
      cancellation: () => ({ signal: new AbortController().signal, release: () => undefined }),
      afterFailure: (...failed) => afterFailure({ names: NAMES, redelivery: policy, on_unknown }, ...failed),
      guard: new DeadLetterGuard({ ratio: 1, window_requests: 1_000, pause_ms: 1_000 }),
      ended: () => undefined,
    });
  }

  async #call({ body, signal: _ }: ModelCall): Promise<ModelAnswer> {
    return this.#step(async () => {
      const sent = JSON.parse(Buffer.from(body).toString()) as Record<string, unknown> & {
        model: string;
        messages: { content: string }[];
      };
      const text = sent.messages.at(-1)?.content ?? "";
      const nth = this.calls.filter((one) => one.text === text && one.model === sent.model).length;
      this.calls.push({ model: sent.model, text, body: sent });
      await new Promise<void>((resolve) => this.clock.after(50, resolve));
      return this.reply(sent.model, text, nth);
    });
  }

  async #step<T>(effect: () => Promise<T>): Promise<T> {
    if (this.#dead) return this.#gone();
    this.steps += 1;
    if (this.steps < this.#dies_at) return effect();
    this.#dead = true;
    this.#dies_at = Number.POSITIVE_INFINITY;
    if (this.#after) await effect();
    return this.#gone();
  }

  /** Nothing is ever heard of a dead process's effects. */
  #gone(): never {
    throw new Crash();
  }

  async run(
    worker: CallingWorker,
    records: readonly Recorded[],
    stopping = new AbortController().signal,
  ): Promise<ReplayedChunk> {
    let done = false;
    const promise = worker.run(records, stopping);
    promise.then(
      () => {
        done = true;
      },
      () => {
        done = true;
      },
    );
    assert.ok(await this.clock.run(() => done, START_MS + 86_400_000), "it ends");
    return promise;
  }

  /** Runs all to the end, with another process each time one dies. */
  async through(records: readonly Recorded[], more: WorldOptions = {}): Promise<ReplayedChunk> {
    for (;;) {
      const worker = await this.worker(more);
      try {
        return await this.run(worker, records);
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
    }
  }

  async spent_nusd(): Promise<number> {
    return (await this.rows.totals()).spent_nusd;
  }
}
