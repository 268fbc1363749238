/**
 * Gathers the texts of concurrent calls into batches: an idle backend gets a text at once, and what comes while it works goes
 * together next, shared out evenly over its lanes. A text asked for twice is embedded once. Waiting is bounded (I6) in number and in
 * time; a text that nobody waits for any more is not embedded.
 */
import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import type { EmbeddingSettings } from "../config/cache.ts";
import { showPool, timed } from "../metrics/dependencies.ts";
import type { EmbeddingBackend } from "./backend.ts";
import type { Embedder } from "./embedder.ts";
import { embeddingAway } from "./failure.ts";

type Limits = Pick<EmbeddingSettings, "model" | "batch_max" | "waiting_max" | "timeout_ms" | "remembered_max">;

type Job = { readonly text: string; readonly done: PromiseWithResolvers<Float32Array>; callers: number };

/** More than the tokens of any model here; what is longer is cut before it is looked at or kept. */
const TEXT_CHARS_MAX = 8_192;

export class GatheringEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  readonly #backend: EmbeddingBackend;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #remembered: LRUCache<string, Float32Array>;
  readonly #waiting = new Map<string, Job>();
  readonly #working = new Map<string, Job>();
  readonly #hide: () => void;
  #batches = 0;
  #closed = false;

  constructor(backend: EmbeddingBackend, limits: Limits, clock: Clock) {
    this.model = limits.model;
    this.dimensions = backend.dimensions;
    this.#backend = backend;
    this.#limits = limits;
    this.#clock = clock;
    this.#remembered = new LRUCache({ max: limits.remembered_max });
    this.#hide = showPool("embedding", () => ({
      in_use: this.#batches,
      limit: backend.lanes,
      waiting: this.#waiting.size,
    }));
  }

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    if (this.#closed) throw embeddingAway("it is closed");
    const cut = texts.map((text) => text.slice(0, TEXT_CHARS_MAX));
    const known = cut.map((text) => this.#remembered.get(text));
    if (known.every((vector) => vector !== undefined)) return known;
    const jobs = this.#join(new Set(cut.filter((_, at) => known[at] === undefined)));
    this.#send();
    await this.#within(jobs);
    const made = new Map<string, Float32Array>();
    for (const { text, done } of jobs) made.set(text, await done.promise);
    return cut.map((text, at) => known[at] ?? (made.get(text) as Float32Array));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hide();
    for (const job of this.#waiting.values()) job.done.reject(embeddingAway("it is closed"));
    this.#waiting.clear();
    await this.#backend.close();
  }

  #join(texts: ReadonlySet<string>): Job[] {
    const fresh = [...texts].filter((text) => !this.#waiting.has(text) && !this.#working.has(text));
    const { waiting_max } = this.#limits;
    if (this.#waiting.size + fresh.length > waiting_max) {
      throw embeddingAway(
        `${this.#waiting.size} texts wait for it (cache.semantic.embedding.waiting_max: ${waiting_max})`,
      );
    }
    for (const text of fresh) {
      const done = Promise.withResolvers<Float32Array>();
      done.promise.catch(() => undefined);
      this.#waiting.set(text, { text, done, callers: 0 });
    }
    return [...texts].map((text) => {
      const job = (this.#waiting.get(text) ?? this.#working.get(text)) as Job;
      job.callers += 1;
      return job;
    });
  }

  /** Waits for all of them. Whoever gives up leaves none behind that nobody else wants. */
  async #within(jobs: readonly Job[]): Promise<void> {
    const { timeout_ms } = this.#limits;
    const late = Promise.withResolvers<never>();
    const timer = this.#clock.after(timeout_ms, () => late.reject(embeddingAway(`it took more than ${timeout_ms} ms`)));
    try {
      await Promise.race([Promise.all(jobs.map(({ done }) => done.promise)), late.promise]);
    } catch (error) {
      for (const job of jobs) {
        job.callers -= 1;
        if (job.callers === 0) this.#waiting.delete(job.text);
      }
      throw error;
    } finally {
      timer.cancel();
    }
  }

  #send(): void {
    while (this.#waiting.size > 0 && this.#batches < this.#backend.lanes) {
      const share = Math.ceil(this.#waiting.size / (this.#backend.lanes - this.#batches));
      const batch = [...this.#waiting.values().take(Math.min(share, this.#limits.batch_max))];
      for (const job of batch) {
        this.#waiting.delete(job.text);
        this.#working.set(job.text, job);
      }
      void this.#embed(batch);
    }
  }

  async #embed(batch: readonly Job[]): Promise<void> {
    this.#batches += 1;
    try {
      const texts = batch.map(({ text }) => text);
      const vectors = await timed("embedding", "embed", () => this.#backend.embed(texts));
      for (const [at, { text, done }] of batch.entries()) {
        const vector = vectors[at] as Float32Array;
        this.#remembered.set(text, vector);
        done.resolve(vector);
      }
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    } finally {
      this.#batches -= 1;
      for (const { text } of batch) this.#working.delete(text);
      this.#send();
    }
  }
}
