/** The cache on ports in memory and virtual time. */
import { cacheSchema } from "../../../../libs/shared/config/cache.ts";
import type { Embedder } from "../../../../libs/shared/embedding/embedder.ts";
import { quantize } from "../../../../libs/shared/embedding/quantized.ts";
import type { KeptAnswer } from "../../../../libs/shared/redis/cache-answers.ts";
import { MergedLooks } from "../../../../services/router/cache/answers.ts";
import { Coalescing } from "../../../../services/router/cache/coalescing.ts";
import type { CacheAsk, IndexedEntry, Neighbour } from "../../../../services/router/cache/contract.ts";
import { LocalAnswers } from "../../../../services/router/cache/local.ts";
import { LayeredCache, type LookUpDeps } from "../../../../services/router/cache/lookup.ts";
import { MemoryCacheAnswers } from "../../../../tools/simulate/cache-answers.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

export const HOUR_MS = 3_600_000;
export const NEVER = new AbortController().signal;
const SETTINGS = cacheSchema.parse({});

export const askOf = (more: Partial<CacheAsk> = {}): CacheAsk => ({
  ...{ tenant: "demo", id: "r1", entry_id: "e1", namespace: "n1", ttl_ms: HOUR_MS, reads: true, writes: true },
  lane: "interactive",
  ...more,
});

export const answerOf = (more: Partial<KeptAnswer> = {}): KeptAnswer => ({
  ...{ entry_id: "e1", created_ms: START_MS, expires_ms: START_MS + HOUR_MS, tier: "small", model: "m", cost_usd: 0.5 },
  response: Buffer.from('{"choices":[]}'),
  ...more,
});

/** As the index of one namespace has it: the nearest first as they are given. */
export const entryOf = (more: Partial<IndexedEntry> = {}): IndexedEntry => ({
  ...{ entry_id: "e2", namespace: "n1", tenant: "demo", text: "near", created_ms: START_MS },
  ...{ expires_ms: START_MS + HOUR_MS, request_id: "r0", tier: "small", model: "m", cost_usd: 0.5 },
  vector: quantize(Float32Array.of(1, 0)),
  ...more,
});

export class FixedEmbedder implements Embedder {
  readonly model = "mini";
  readonly dimensions = 2;
  readonly texts: string[] = [];
  away = false;

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    this.texts.push(...texts);
    if (this.away) throw new Error("away");
    return texts.map(() => Float32Array.of(1, 0));
  }

  async close(): Promise<void> {}
}

/** One router, and the Redis that it shares with others. */
export class CacheWorld {
  readonly clock: VirtualClock;
  readonly answers: MemoryCacheAnswers;
  readonly coalescing: Coalescing;
  readonly local: LocalAnswers;
  readonly embedder = new FixedEmbedder();
  readonly cache: LayeredCache;
  /** What the index gives back, and what it is told. */
  near: Neighbour[] = [];
  readonly used: string[] = [];
  readonly seen: string[] = [];
  round_trips = 0;
  away = false;
  /** By text: the verifier's probability, or the check that refuses. */
  readonly judged = new Map<string, number | string>();
  threshold: number | undefined = 0.9;

  constructor(
    more: Partial<Pick<LookUpDeps, "settings">> & { readonly waiting_max?: number; beside?: CacheWorld } = {},
  ) {
    const { beside, waiting_max = 100, settings = SETTINGS } = more;
    this.clock = beside?.clock ?? new VirtualClock();
    this.answers = beside?.answers ?? new MemoryCacheAnswers(this.clock, (ref) => this.coalescing.heard(ref));
    const looks = new MergedLooks({
      look: async (asked) => {
        this.round_trips += 1;
        if (this.away) throw new Error("redis is away");
        return this.answers.look(asked);
      },
    });
    const coalesce = { waiting_max, wait_ms_max: 10_000, poll_ms: 500 };
    this.coalescing = new Coalescing({ looks, answers: this.answers, clock: this.clock, settings: coalesce });
    this.local = new LocalAnswers(settings.exact);
    this.cache = new LayeredCache({
      ...{
        looks,
        local: this.local,
        coalescing: this.coalescing,
        embedder: this.embedder,
        clock: this.clock,
        settings,
      },
      index: {
        nearest: (_namespace, _vector, count) => this.near.slice(0, count),
        used: (_namespace, entry_id) => void this.used.push(entry_id),
        times: ({ entry_id }) => this.near.find(({ entry }) => entry.entry_id === entry_id)?.entry,
      },
      verifier: {
        judge: (_left, { text }) => {
          const said = this.judged.get(text) ?? 1;
          return typeof said === "string"
            ? { similarity: 1, probability: 0, rejected_by: said }
            : { similarity: 1, probability: said };
        },
      },
      threshold: () => this.threshold,
      seen: {
        rejected: (by) => this.seen.push(`rejected by ${by}`),
        gone: () => this.seen.push("gone"),
        notEmbedded: () => this.seen.push("not embedded"),
      },
    });
  }

  keep(more: Partial<KeptAnswer> = {}, tenant = "demo"): Promise<void> {
    const answer = answerOf(more);
    return this.answers.finish([{ tenant, entry_id: answer.entry_id, answer }], [], this.clock.now_ms());
  }

  lookUp(more: Partial<CacheAsk> = {}, stopping = NEVER) {
    return this.cache.lookUp(askOf(more), stopping);
  }

  /** All that is due within so much time happens. */
  async pass(ms: number): Promise<void> {
    let over = false;
    this.clock.after(ms, () => {
      over = true;
    });
    await this.clock.run(() => over, Number.POSITIVE_INFINITY);
  }
}
