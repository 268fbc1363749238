/** A map-reduce in a world of its own: jobs and files in memory, a model that answers, fails and charges, and crashes at any write. */
import assert from "node:assert/strict";
import type { Clock } from "../../../../libs/shared/clock.ts";
import { jobsSchema } from "../../../../libs/shared/config/gateway.ts";
import type { Files } from "../../../../libs/shared/files/file.ts";
import { ENDED_STATUSES } from "../../../../libs/shared/jobs/job.ts";
import { firstState, type MapReduceSpec, type RetryAsk, retried } from "../../../../libs/shared/map-reduce/job.ts";
import { nusd } from "../../../../libs/shared/money.ts";
import type { MapReduceJob } from "../../../../services/results/map-reduce/contents.ts";
import { MapReduceDriver } from "../../../../services/results/map-reduce/driver.ts";
import type { MapReduceDeps } from "../../../../services/results/map-reduce/parts.ts";
import { MemoryFiles } from "../../../support/memory-files.ts";
import { MemoryJobs, type MemoryResult } from "../../../support/memory-jobs.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";

export const JOB = "mr_test";
export const SPEC: MapReduceSpec = {
  input_file_id: "file-in",
  map: { prompt: "Say what it says.", max_output_tokens: 50 },
  reduce: { prompt: "Put together.", max_output_tokens: 50 },
  fan_in: 4,
  shard_tokens: 50,
  on_failed_shard: "fail",
  window_ms: 86_400_000,
  tries: 3,
  asked_hash: "",
};

export class Crash extends Error {}

export type Asked = {
  readonly id: string;
  readonly wave: number;
  readonly text: string;
  readonly max_cost_nusd: number;
  readonly value: string;
};

/** What the model does with a request; its answer, or how it fails. May be billed beyond what the result says, up to what it may cost. */
export type Model = (asked: Asked) => { readonly result: MemoryResult; readonly hidden_nusd?: number };

export function answered(text: string, cost_nusd: number, more: object = {}): MemoryResult {
  const result = {
    response: { choices: [{ message: { content: text }, finish_reason: "stop" }] },
    usage: { prompt_tokens: 10, completion_tokens: 5, cost_usd: cost_nusd / 1e9 },
    ...more,
  };
  return { status: "succeeded", cost_nusd, result: JSON.stringify(result) };
}

export function failedWith(status: string, code: string, attempts: number): MemoryResult {
  return { status, result: JSON.stringify({ error: { code }, route: { attempts } }) };
}

export class World {
  readonly jobs = new MemoryJobs();
  readonly files: MemoryFiles;
  /** By id, as it was written first. */
  readonly asked = new Map<string, Asked>();
  readonly open = new Set<string>();
  readonly cancelled: string[] = [];
  now_ms = 1_000_000;
  /** What providers have charged, known or not. */
  billed_nusd = 0;
  /** Called at each write; throws to crash before or after it. */
  crash: (moment: "before" | "after") => void = () => undefined;
  readonly #driver: MapReduceDriver;

  constructor(settings: object = {}, bound: MapReduceDeps["bound"] = () => 0) {
    this.files = new MemoryFiles({ now_ms: () => this.now_ms });
    const { jobs } = this;
    const clock: Clock = { now_ms: () => this.now_ms, after: () => ({ cancel: () => undefined }) };
    const files: Files = {
      add: (file) => this.#around(() => this.files.add(file)),
      find: (tenant, id) => this.files.find(tenant, id),
      read: (file, range) => this.files.read(file, range),
    };
    this.#driver = new MapReduceDriver({
      store: {
        addItems: (job, items) => this.#around(() => jobs.addItems(job, items)),
        retryItems: (job, items) => this.#around(() => jobs.retryItems(job, items)),
        items: (...args) => jobs.items(...args),
        results: (...args) => jobs.results(...args),
        counts: (...args) => jobs.counts(...args),
      },
      files,
      publisher: {
        publish: (records) =>
          this.#around(async () => {
            for (const record of records) this.#take(record);
          }),
      },
      codec: jsonCodec,
      names: NAMES,
      settings: jobsSchema.parse({ chunk: 7, in_flight_max: 20, ...settings }),
      bound,
      clock,
    });
  }

  async #around<T>(write: () => Promise<T>): Promise<T> {
    this.crash("before");
    const done = await write();
    this.crash("after");
    return done;
  }

  #take({ topic, value }: { readonly topic: string; readonly value: Buffer | null }): void {
    const text = value?.toString() ?? "";
    const event = JSON.parse(text);
    if (topic === NAMES.control) {
      this.cancelled.push(event.id);
      return;
    }
    const asked: Asked = {
      id: event.id,
      wave: Number(event.metadata.wave),
      text: event.body.messages[1].content,
      max_cost_nusd: nusd(event.limits.max_cost_usd ?? 0),
      value: text,
    };
    const before = this.asked.get(asked.id);
    // I1: the same id with other content would be a dead letter.
    if (before !== undefined) assert.equal(text, before.value);
    else {
      this.asked.set(asked.id, asked);
      this.open.add(asked.id);
    }
  }

  async begin(input: string, filename: string, more: Partial<MapReduceSpec> = {}): Promise<void> {
    const content = (async function* () {
      yield Buffer.from(input);
    })();
    await this.files.add({ id: "file-in", tenant: "t", purpose: "user_data", filename, content });
    const spec = { ...SPEC, ...more };
    const state = firstState(JOB, spec, this.now_ms);
    await this.jobs.create({ id: JOB, tenant: "t", kind: "map_reduce", spec, state, created_ms: this.now_ms });
  }

  async job(): Promise<MapReduceJob> {
    return (await this.jobs.find("t", "map_reduce", JOB)) as MapReduceJob;
  }

  async ended(): Promise<boolean> {
    return ENDED_STATUSES.includes((await this.job()).status);
  }

  /** One step and its saving, either of which may be cut by a crash. */
  async step(): Promise<void> {
    this.now_ms += 1_000;
    const lease = { owner: `o${this.now_ms}`, now_ms: this.now_ms, until_ms: this.now_ms };
    const [leased] = await this.jobs.lease(lease, 1, [JOB]);
    if (leased === undefined) return;
    try {
      const end = await this.#driver.step(leased.job as MapReduceJob, new AbortController().signal);
      this.crash("before");
      // As in Postgres, a state is JSON.
      await this.jobs.save(leased.job, lease.owner, JSON.parse(JSON.stringify(end)), this.now_ms);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }

  /** The model gets to these requests. */
  answer(ids: Iterable<string>, model: Model): void {
    for (const id of [...ids]) {
      const asked = this.asked.get(id);
      if (asked === undefined || !this.open.delete(id)) continue;
      const { result, hidden_nusd = 0 } = model(asked);
      this.billed_nusd += (result.cost_nusd ?? 0) + hidden_nusd;
      this.jobs.answer(id, result);
    }
  }

  /** What may yet be charged for what is open. */
  open_nusd(): number {
    return [...this.open].reduce((sum, id) => sum + (this.asked.get(id)?.max_cost_nusd ?? 0), 0);
  }

  /** Steps and answers until it has ended. */
  async run(model: Model, each: () => void = () => undefined): Promise<MapReduceJob> {
    for (let step = 0; !(await this.ended()); step += 1) {
      assert.ok(step < 2_000, "it does not end");
      await this.step();
      each();
      this.answer(this.open, model);
      each();
    }
    return this.job();
  }

  async retry(ask: RetryAsk = {}): Promise<void> {
    const again = retried(await this.job(), ask, this.now_ms);
    assert.equal(again.kind, "retried");
    if (again.kind === "retried") await this.jobs.reopen("t", JOB, again.state, again.status, this.now_ms);
  }
}

/** Lines of JSONL. */
export function lines(documents: readonly unknown[]): string {
  return documents.map((one) => `${JSON.stringify(one)}\n`).join("");
}

/** Repeats the marks that it reads, such as #12: so that the last answer shows what went into it. */
export const marks = (text: string): string => (text.match(/#\d+/g) ?? []).join(" ");
