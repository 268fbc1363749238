/** Batches from file to file on ports in memory and virtual time: the pipeline answers what is published to it. */
import { jobsSchema } from "../../../../libs/shared/config/gateway.ts";
import { unavailable } from "../../../../libs/shared/errors.ts";
import { type BatchJob, type BatchSpec, newBatch } from "../../../../libs/shared/jobs/batch.ts";
import { ENDED_STATUSES } from "../../../../libs/shared/jobs/job.ts";
import type { OutRecord } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { Told } from "../../../../libs/shared/redis/request-events.ts";
import type { WebhookEvent } from "../../../../libs/shared/webhooks/event.ts";
import { batchDriver } from "../../../../services/results/batches/driver.ts";
import { JobRunner, type JobRunnerDeps } from "../../../../services/results/jobs/runner.ts";
import { Random } from "../../../../tools/simulate/random.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryFiles } from "../../../support/memory-files.ts";
import { MemoryJobs } from "../../../support/memory-jobs.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";

export const TENANT = "demo";
export const HOUR_MS = 3_600_000;

export type Asked = { readonly id: string; readonly body: { readonly messages: { readonly content: string }[] } };

/** What the pipeline makes of a request: a Result, after so long; undefined: nothing, for ever. */
export type Answer = { readonly after_ms: number; readonly status: string; readonly code?: string } | undefined;

export type World = {
  readonly clock: VirtualClock;
  readonly jobs: MemoryJobs;
  readonly files: MemoryFiles;
  readonly published: OutRecord[];
  readonly told: Told[];
  readonly events: WebhookEvent[];
  readonly random: Random;
};

export function resultOf(id: string, status: string, code = "provider_error"): string {
  const usage = { prompt_tokens: 3, cached_prompt_tokens: 1, completion_tokens: 2, cost_usd: 0.000_001 };
  const route = { tier: "small", model: "m", reason: "", cache: "miss", attempts: 1 };
  const end =
    status === "succeeded"
      ? { response: { id: `chatcmpl-${id}`, usage: {} }, usage, route }
      : { error: { code, type: "api_error", message: `body.messages: ${code}`, param: "body.messages" } };
  return JSON.stringify({ id, tenant: TENANT, status, timing: {}, ...end });
}

export class BatchWorld implements World {
  readonly clock = new VirtualClock();
  readonly jobs = new MemoryJobs();
  readonly files = new MemoryFiles({ now_ms: () => this.clock.now_ms() });
  readonly published: OutRecord[] = [];
  readonly told: Told[] = [];
  readonly events: WebhookEvent[] = [];
  readonly random: Random;
  readonly settings;
  answer: (asked: Asked) => Answer = () => ({ after_ms: 50, status: "succeeded" });
  #batches = 0;

  constructor(seed = 1, settings: object = {}) {
    this.random = new Random(seed);
    this.settings = jobsSchema.parse(settings);
  }

  /** As Kafka and the services behind it: each request is answered, a cancel ends what has not ended. */
  publish(records: readonly OutRecord[]): void {
    this.published.push(...records);
    for (const { topic, value } of records) {
      const event = JSON.parse(value?.toString() ?? "null") as Asked;
      if (topic === NAMES.control) {
        this.clock.after(20, () => this.#end(event.id, "cancelled", "cancelled"));
        continue;
      }
      const answer = this.answer(event);
      if (answer !== undefined) {
        this.clock.after(answer.after_ms, () => this.#end(event.id, answer.status, answer.code));
      }
    }
  }

  #end(id: string, status: string, code?: string): void {
    this.jobs.answer(id, { status, cost_nusd: 1_000, result: resultOf(id, status, code) });
  }

  /** Request ids in the order of their first writing. */
  get asked(): string[] {
    return [...new Set(this.published.filter(({ topic }) => topic !== NAMES.control).map(({ key }) => String(key)))];
  }

  async batch(text: string, more: Partial<BatchSpec> = {}, window_ms = 24 * HOUR_MS): Promise<string> {
    const file = await this.files.put(TENANT, text);
    return this.start({ input_file_id: file.id, ...more }, window_ms);
  }

  async start(
    more: Partial<BatchSpec> & { readonly input_file_id: string },
    window_ms = 24 * HOUR_MS,
  ): Promise<string> {
    this.#batches += 1;
    const id = `batch_${this.#batches}`;
    const spec: BatchSpec = { endpoint: "/v1/chat/completions", completion_window: "24h", ...more };
    const named = { id, tenant: TENANT, key_id: "k1", created_ms: this.clock.now_ms(), window_ms };
    await this.jobs.create(newBatch(named, spec));
    return id;
  }

  async find(id: string): Promise<BatchJob> {
    return (await this.jobs.find(TENANT, "batch", id)) as BatchJob;
  }

  /** A process with its runner. */
  process(faults: Faults = new Faults(this.random, 0)): JobRunner {
    const driver = batchDriver({
      store: faults.wrap(this.jobs),
      files: this.files,
      publisher: faults.wrap({ publish: async (records: readonly OutRecord[]) => this.publish(records) }),
      codec: jsonCodec,
      names: NAMES,
      settings: this.settings,
      clock: this.clock,
    });
    const deps: JobRunnerDeps = {
      leases: faults.wrap(this.jobs),
      drivers: { batch: driver },
      states: faults.wrap({
        tell: async (told: readonly Told[]) => {
          this.told.push(...told);
        },
      }),
      outbox: faults.wrap({
        add: async (events: readonly WebhookEvent[]) => {
          this.events.push(...events);
        },
      }),
      settings: this.settings,
      clock: this.clock,
      random: () => this.random.next(),
      log: silentLog,
    };
    const runner = new JobRunner(deps);
    runner.start();
    return runner;
  }

  /** Virtual time goes on until all of the batches have ended and everybody was told. */
  async untilEnded(...ids: string[]): Promise<void> {
    const left = new Set(ids);
    const ended = await this.clock.run(
      () => {
        for (const id of left)
          if (this.told.some((told) => told.id === id && told.state.state === "ended")) left.delete(id);
        return left.size === 0;
      },
      this.clock.now_ms() + 48 * HOUR_MS,
    );
    if (!ended) throw new Error(`the batches ${[...left].join(", ")} do not end`);
    for (const id of ids) {
      const { status } = await this.find(id);
      if (!ENDED_STATUSES.includes(status)) throw new Error(`${id} is told ended and is ${status}`);
    }
  }

  /** The lines of an output or error file. */
  lines(file_id: string | undefined): OutputLine[] {
    const text = file_id === undefined ? "" : (this.files.text(file_id) ?? "");
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as OutputLine);
  }
}

export type OutputLine = {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: object } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
};

/** What goes wrong in a process: calls that fail before or after they did their work, and its death between any two. */
export class Faults {
  readonly #random: Random;
  readonly #chance: number;
  readonly #deadly: boolean;
  dead = false;

  constructor(random: Random, chance: number, deadly = false) {
    this.#random = random;
    this.#chance = chance;
    this.#deadly = deadly;
  }

  wrap<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== "function") return member;
        return async (...values: unknown[]): Promise<unknown> => {
          await this.#trouble();
          const result: unknown = await member.apply(target, values);
          await this.#trouble();
          return result;
        };
      },
    });
  }

  async #trouble(): Promise<void> {
    if (!this.dead && this.#random.chance(this.#chance)) {
      if (!this.#deadly || this.#random.chance(0.5)) throw unavailable("postgres", new Error("planted"));
      this.dead = true;
    }
    // The dead do nothing more, and nobody hears of them.
    if (this.dead) await new Promise(() => undefined);
  }
}

export function line(custom_id: string, more: object = {}): string {
  const body = { model: "auto", messages: [{ role: "user", content: custom_id }] };
  return JSON.stringify({ custom_id, method: "POST", url: "/v1/chat/completions", body, ...more });
}

export function linesOf(count: number): string {
  return Array.from({ length: count }, (_, index) => `${line(`c${index}`)}\n`).join("");
}
