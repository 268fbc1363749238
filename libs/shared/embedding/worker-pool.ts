/** Threads that embed. One that dies, or stands still, is replaced; what it had in hand fails, and its callers go on without. */
import { Worker } from "node:worker_threads";
import { type BackoffPolicy, backoff_ms } from "../backoff.ts";
import type { Clock, Timer } from "../clock.ts";
import type { EmbeddingBackend } from "./backend.ts";
import { embeddingAway, embeddingImpossible } from "./failure.ts";
import type { ModelFiles } from "./sentence-model.ts";
import type { WorkerReply, WorkerRequest } from "./worker.ts";

export type PoolOptions = {
  readonly files: ModelFiles;
  readonly workers: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** The thread's program; another one in tests. */
  readonly program?: URL | undefined;
};

type Job = { readonly done: PromiseWithResolvers<Float32Array[]>; readonly stalled: Timer };

/** A thread and what it has in hand. */
type Seat = { readonly worker: Worker; readonly jobs: Map<number, Job>; ready: boolean };

const PROGRAM = new URL("./worker.ts", import.meta.url);
/** One batch works while the next lies ready, so that a thread does not wait for this one. */
const BATCHES_EACH = 2;
/** A batch of the longest texts takes a second; a thread that needs so long will not answer any more. */
const STALLED_MS = 30_000;
const CLOSE_WAIT_MS = 2_000;
const REPLACE: BackoffPolicy = { base_ms: 200, cap_ms: 30_000 };

export class WorkerPool implements EmbeddingBackend {
  readonly lanes: number;
  readonly #options: PoolOptions;
  readonly #seats = new Set<Seat>();
  #dimensions = 0;
  #next_id = 0;
  /** Threads that ended in a row, without a vector between them. */
  #deaths = 0;
  #opened = false;
  #closed = false;

  private constructor(options: PoolOptions) {
    this.#options = options;
    this.lanes = options.workers * BATCHES_EACH;
  }

  /** Resolves once every thread has its model. @throws `embedding_unavailable` when one cannot load it. */
  static async open(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    try {
      await Promise.all(Array.from({ length: options.workers }, () => pool.#seat()));
      pool.#opened = true;
    } catch (error) {
      await pool.close();
      const why = error instanceof Error ? error.message : String(error);
      const fix = `${options.files.onnx} and ${options.files.tokenizer} must be the model's files.`;
      throw embeddingImpossible(`the model cannot be loaded (${why})`, fix, error);
    }
    return pool;
  }

  get dimensions(): number {
    return this.#dimensions;
  }

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    const seat = this.#freest();
    if (seat === undefined) throw embeddingAway("no thread that embeds is alive");
    const id = this.#next_id;
    this.#next_id += 1;
    const stalled = this.#options.clock.after(STALLED_MS, () => void seat.worker.terminate());
    const done = Promise.withResolvers<Float32Array[]>();
    seat.jobs.set(id, { done, stalled });
    seat.worker.postMessage({ kind: "embed", id, texts } satisfies WorkerRequest);
    return await done.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#seats].map(async ({ worker }) => await this.#end(worker)));
  }

  #freest(): Seat | undefined {
    let best: Seat | undefined;
    for (const seat of this.#seats) {
      if (seat.ready && (best === undefined || seat.jobs.size < best.jobs.size)) best = seat;
    }
    return best;
  }

  /** Starts a thread; resolves when it is ready, rejects when it ends before. */
  #seat(): Promise<void> {
    const { program = PROGRAM, files } = this.#options;
    const worker = new Worker(program, { workerData: files });
    const seat: Seat = { worker, jobs: new Map(), ready: false };
    this.#seats.add(seat);
    return new Promise((resolve, reject) => {
      let why: unknown = new Error("the thread ended");
      worker.on("message", (reply: WorkerReply) => {
        this.#hear(seat, reply);
        if (reply.kind === "ready") resolve();
      });
      worker.on("error", (error) => {
        why = error;
      });
      worker.on("exit", () => {
        reject(why);
        this.#gone(seat, why);
      });
    });
  }

  #hear(seat: Seat, reply: WorkerReply): void {
    if (reply.kind === "ready") {
      this.#dimensions = reply.dimensions;
      seat.ready = true;
      return;
    }
    const job = seat.jobs.get(reply.id);
    seat.jobs.delete(reply.id);
    job?.stalled.cancel();
    if (reply.kind === "failed") {
      job?.done.reject(embeddingAway(reply.message));
      return;
    }
    this.#deaths = 0;
    job?.done.resolve(rowsOf(reply.values, this.#dimensions));
  }

  #gone(seat: Seat, why: unknown): void {
    this.#seats.delete(seat);
    for (const { done, stalled } of seat.jobs.values()) {
      stalled.cancel();
      done.reject(embeddingAway("the thread that embedded ended", why));
    }
    // At the start whoever opens it hears of it.
    if (this.#opened && !this.#closed) this.#replace();
  }

  #replace(): void {
    const { clock, random } = this.#options;
    const wait_ms = backoff_ms(REPLACE, this.#deaths, 0.1 + 0.9 * random());
    this.#deaths += 1;
    clock.after(wait_ms, () => {
      if (!this.#closed) this.#seat().catch(() => undefined);
    });
  }

  /** Lets a thread put its model away by itself; one that does not is ended. */
  async #end(worker: Worker): Promise<void> {
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage({ kind: "close" } satisfies WorkerRequest);
    const late = this.#options.clock.after(CLOSE_WAIT_MS, () => void worker.terminate());
    await exited;
    late.cancel();
  }
}

function rowsOf(values: Float32Array, dimensions: number): Float32Array[] {
  const rows: Float32Array[] = [];
  for (let at = 0; at < values.length; at += dimensions) rows.push(values.slice(at, at + dimensions));
  return rows;
}
