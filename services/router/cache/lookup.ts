/**
 * The whole cache: exact, then by meaning, then a wait for an identical request under way.
 *
 * Every answer is read by the asking tenant's own key, and an entry found by meaning is looked at only where its tenant is the asking
 * one (I5). What fails beside Redis (the embedder) costs the hit and never the request.
 */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { CacheSettings } from "../../../libs/shared/config/cache.ts";
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import { encodeVector, quantize } from "../../../libs/shared/embedding/quantized.ts";
import type { CacheFill } from "../../../libs/shared/events/cache.ts";
import type { AnswerRef, KeptAnswer, Look, Sight } from "../../../libs/shared/redis/cache-answers.ts";
import type { Verifier } from "../../../libs/shared/semantic/verifier.ts";
import { type Candidate, candidatesOf, evidenceOf } from "./candidates.ts";
import type { Coalescing } from "./coalescing.ts";
import type { AnswerCache, CacheAsk, CacheEvidence, CacheHit, CacheIndex, CacheMiss } from "./contract.ts";
import type { LocalAnswers } from "./local.ts";

export type LookUpDeps = {
  readonly looks: { look(look: Look): Promise<Sight> };
  readonly local: LocalAnswers;
  readonly coalescing: Coalescing;
  readonly index: Pick<CacheIndex, "nearest" | "used" | "times">;
  /** Undefined: nothing is found by meaning. */
  readonly embedder: Embedder | undefined;
  readonly verifier: Pick<Verifier, "judge">;
  /** From this probability on an entry answers a tenant's question; undefined: nothing does. */
  readonly threshold: (tenant: string) => number | undefined;
  readonly clock: Clock;
  readonly settings: Pick<CacheSettings, "exact" | "coalesce" | "semantic">;
  readonly seen: CacheObserver;
};

/** What metrics are made of. */
export type CacheObserver = {
  /** A near entry that did not answer: the guard's check, `threshold`, or `gone` where the answer is no longer there. */
  readonly rejected: (by: string) => void;
  /** An entry that is in the index has no answer in Redis: the keeper may have to put answers back. */
  readonly gone: () => void;
  /** A question could not be embedded. */
  readonly notEmbedded: (error: unknown) => void;
};

/** What is found before anybody waits. */
type Found = {
  readonly hit?: CacheHit;
  readonly vector?: Float32Array;
  readonly evidence?: CacheEvidence;
};

export class LayeredCache implements AnswerCache {
  readonly #deps: LookUpDeps;
  /** Searches under way, by what they look for: requests that are identical search once. Bounded by the requests in flight. */
  readonly #searches = new Map<string, Promise<Found>>();

  constructor(deps: LookUpDeps) {
    this.#deps = deps;
  }

  async lookUp(ask: CacheAsk, stopping: AbortSignal): Promise<CacheHit | CacheMiss> {
    const found = await this.#found(ask);
    if (found.hit !== undefined && !(await this.#wasSent(ask, found.hit))) return found.hit;
    const { settings, coalescing } = this.#deps;
    // The answer is shared by way of the exact cache.
    if (settings.exact.enabled && settings.coalesce.enabled) {
      const removals = this.#deps.local.removals;
      const shared = await coalescing.share(ask, stopping);
      if (shared.kind === "answer") {
        this.#deps.local.put(ask, shared.answer, removals);
        const evidence = found.evidence === undefined ? {} : { evidence: found.evidence };
        return { kind: "hit", how: shared.waited ? "coalesced" : "exact", answer: shared.answer, ...evidence };
      }
    }
    return this.#miss(ask, found);
  }

  /**
   * Delivered again, with its call under way: another's answer now would leave that call unsettled. Its own lead tells; an equal request's
   * answer is its own or comes after it.
   */
  async #wasSent({ tenant, entry_id, id, lane, writes }: CacheAsk, { how }: CacheHit): Promise<boolean> {
    const { settings, looks } = this.#deps;
    if (how !== "semantic" || !writes || !settings.exact.enabled || !settings.coalesce.enabled) return false;
    const { leader } = await looks.look({ tenant, entry_id, lead: { kind: "see", lane } });
    return leader === id;
  }

  #found(ask: CacheAsk): Promise<Found> {
    const name = `${ask.tenant} ${ask.entry_id} ${ask.threshold ?? ""}`;
    const running = this.#searches.get(name);
    if (running !== undefined) return running;
    const search = this.#search(ask).finally(() => this.#searches.delete(name));
    this.#searches.set(name, search);
    return search;
  }

  async #search(ask: CacheAsk): Promise<Found> {
    const { settings, index, seen, clock } = this.#deps;
    if (!settings.exact.enabled) return this.#byMeaning(ask);
    const answer = await this.#answer(ask);
    if (answer !== undefined) {
      index.used(ask.namespace, ask.entry_id);
      return { hit: { kind: "hit", how: "exact", answer } };
    }
    if ((index.times(ask)?.expires_ms ?? 0) > clock.now_ms()) seen.gone();
    return this.#byMeaning(ask);
  }

  /** The answer of one entry, out of this process or out of Redis. */
  async #answer(ref: AnswerRef): Promise<KeptAnswer | undefined> {
    const { local, looks, clock } = this.#deps;
    const here = local.get(ref, clock.now_ms());
    if (here !== undefined) return here;
    const removals = local.removals;
    const { answer } = await looks.look({ tenant: ref.tenant, entry_id: ref.entry_id });
    // Redis may keep it a little longer than it lives.
    if (answer === undefined || answer.expires_ms <= clock.now_ms()) return undefined;
    local.put(ref, answer, removals);
    return answer;
  }

  async #byMeaning(ask: CacheAsk): Promise<Found> {
    const { embedder, index, verifier, settings, seen, clock } = this.#deps;
    if (ask.text === undefined || embedder === undefined) return {};
    const vector = await this.#embed(embedder, ask.text);
    if (vector === undefined) return {};
    const question = { text: ask.text, vector: quantize(vector) };
    const near = index.nearest(ask.namespace, question.vector, settings.semantic.candidates_max, clock.now_ms());
    const fitted = this.#deps.threshold(ask.tenant);
    const threshold = fitted === undefined ? undefined : Math.max(fitted, ask.threshold ?? 0);
    const candidates = candidatesOf(ask, question, near, verifier, threshold);
    const hit = await this.#firstAnswered(ask, candidates);
    for (const { rejected_by } of candidates) if (rejected_by !== undefined) seen.rejected(rejected_by);
    const evidence = evidenceOf(candidates, threshold);
    if (evidence === undefined) return { vector };
    return hit === undefined ? { vector, evidence } : { hit: { ...hit, evidence }, vector };
  }

  /** The likeliest of the candidates that may answer and whose answer is still there; those that are gone are marked. */
  async #firstAnswered(ask: CacheAsk, candidates: readonly Candidate[]): Promise<CacheHit | undefined> {
    const { index, seen } = this.#deps;
    const able = candidates.filter(({ rejected_by }) => rejected_by === undefined);
    for (const candidate of able.toSorted((left, right) => right.probability - left.probability)) {
      const { entry, similarity, probability } = candidate;
      const answer = await this.#answer({ tenant: ask.tenant, entry_id: entry.entry_id });
      if (answer !== undefined) {
        index.used(ask.namespace, entry.entry_id);
        return { kind: "hit", how: "semantic", answer, similarity, probability };
      }
      candidate.rejected_by = "gone";
      seen.gone();
    }
    return undefined;
  }

  async #embed(embedder: Embedder, text: string): Promise<Float32Array | undefined> {
    try {
      return (await embedder.embed([text]))[0];
    } catch (error) {
      this.#deps.seen.notEmbedded(error);
      return undefined;
    }
  }

  #miss(ask: CacheAsk, { vector, evidence }: Found): CacheMiss {
    const fill = ask.writes ? fillOf(ask, vector, this.#deps.embedder?.model) : undefined;
    return {
      kind: "miss",
      ...(fill === undefined ? {} : { fill }),
      ...(vector === undefined ? {} : { vector }),
      ...(evidence === undefined ? {} : { evidence }),
    };
  }
}

/** Where the answer goes. A question that was not embedded is left out: the entry is found by an equal request alone. */
function fillOf(ask: CacheAsk, vector: Float32Array | undefined, model: string | undefined): CacheFill {
  const { entry_id, namespace, label, text, ttl_ms } = ask;
  return {
    entry_id,
    namespace,
    ...(label === undefined ? {} : { label }),
    ...(text === undefined || vector === undefined || model === undefined
      ? {}
      : { text, embedding: encodeVector(quantize(vector)), embedding_model: model }),
    ttl_ms,
    store: true,
  };
}
