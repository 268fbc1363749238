/**
 * The answer cache in virtual time: exact by entry id, by meaning through the router's own index and verifier, and requests that wait
 * for an identical one under way. Bounded as the settings bound the real one; the answers' bytes have a bound of their own. Pure.
 */
import { LRUCache } from "lru-cache";
import type { CacheSettings } from "../../../libs/shared/config/cache.ts";
import { quantize } from "../../../libs/shared/embedding/quantized.ts";
import type { Verifier } from "../../../libs/shared/semantic/verifier.ts";
import { candidatesOf, evidenceOf } from "../../router/cache/candidates.ts";
import type { CacheAsk, CacheEvidence, CacheHit, CacheIndex, IndexedEntry } from "../../router/cache/contract.ts";

export type CacheOptions = {
  readonly settings: Pick<CacheSettings, "exact" | "coalesce" | "semantic" | "response_bytes_max">;
  readonly index: CacheIndex;
  readonly verifier: Pick<Verifier, "judge">;
  /** From this probability on an entry answers; undefined: none does. */
  readonly threshold: number | undefined;
  /** Of all answers that are kept; those used longest ago are then answers whose text is not told. */
  readonly responses_bytes_max: number;
};

/** How many entries come between two looks for what has expired or was evicted. */
const SWEEP_EVERY = 2_000;

/** An entry without its text. */
type Kept = Pick<IndexedEntry, "entry_id" | "created_ms" | "expires_ms" | "tier" | "model" | "cost_usd">;

/** Whose call answers all that ask the same in its lane. */
type Lead = {
  readonly id: string;
  /** It ends by itself. */
  readonly until_ms: number;
  /** When its call ends, once that is known. */
  ends_ms?: number;
};

export type Looked =
  | { readonly kind: "hit"; readonly hit: CacheHit }
  /** For another's answer, until then at the most. */
  | { readonly kind: "wait"; readonly until_ms: number }
  | { readonly kind: "miss"; readonly evidence?: CacheEvidence };

const NO_BYTES = Buffer.alloc(0);

export class SimulatedCache {
  readonly #options: CacheOptions;
  readonly #answers = new Map<string, Kept>();
  readonly #responses: LRUCache<string, Buffer>;
  readonly #leads = new Map<string, Lead>();
  #waiting = 0;
  #puts = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#responses = new LRUCache({
      maxSize: options.responses_bytes_max,
      sizeCalculation: (response) => response.length + 1,
    });
  }

  get entries(): number {
    return this.#answers.size;
  }

  /** @param vector of the ask's text. @param waited it waited for another's answer, and asks again. */
  lookUp(ask: CacheAsk, vector: Float32Array | undefined, now_ms: number, waited: boolean): Looked {
    const { exact, coalesce } = this.#options.settings;
    const own = exact.enabled ? this.#answer(ask.tenant, ask.entry_id, now_ms) : undefined;
    if (own !== undefined) {
      this.#options.index.used(ask.namespace, ask.entry_id);
      return { kind: "hit", hit: { kind: "hit", how: waited ? "coalesced" : "exact", answer: this.#whole(ask, own) } };
    }
    if (waited) return { kind: "miss" };
    const { hit, evidence } = this.#byMeaning(ask, vector, now_ms);
    const told = evidence === undefined ? {} : { evidence };
    if (hit !== undefined) return { kind: "hit", hit: { ...hit, ...told } };
    const until_ms = exact.enabled && coalesce.enabled ? this.#share(ask, now_ms) : undefined;
    return until_ms === undefined ? { kind: "miss", ...told } : { kind: "wait", until_ms };
  }

  /** One that waited goes on. */
  waited(): void {
    this.#waiting -= 1;
  }

  /** The call of a request that leads ends then: whoever waits for it knows when to look. */
  endsAt(ask: CacheAsk, at_ms: number): void {
    const lead = this.#leads.get(leadName(ask));
    if (lead?.id === ask.id) lead.ends_ms = at_ms;
  }

  /** The run of a request is over, with or without an answer: its lead ends. */
  ended(ask: CacheAsk): void {
    const name = leadName(ask);
    if (this.#leads.get(name)?.id === ask.id) this.#leads.delete(name);
  }

  put(ask: CacheAsk, answer: Omit<Kept, "entry_id">, vector: Float32Array | undefined, response?: Buffer): void {
    const { tenant, entry_id, namespace, label, text, id } = ask;
    if (response !== undefined && response.length > this.#options.settings.response_bytes_max) return;
    const name = answerName(tenant, entry_id);
    this.#answers.set(name, { entry_id, ...answer });
    // A copy: the bytes may be a piece of a much larger buffer, which would stay as long.
    if (response === undefined) this.#responses.delete(name);
    else this.#responses.set(name, Buffer.from(response));
    this.#options.index.put({
      ...{ tenant, entry_id, namespace, request_id: id },
      ...answer,
      ...(label === undefined ? {} : { label }),
      ...(text === undefined || vector === undefined ? {} : { text, vector: quantize(vector) }),
    });
    this.#puts += 1;
    if (this.#puts % SWEEP_EVERY === 0) this.#sweep(answer.created_ms);
  }

  #sweep(now_ms: number): void {
    for (const { tenant, entry_id } of this.#options.index.sweep(now_ms)) {
      const name = answerName(tenant, entry_id);
      this.#answers.delete(name);
      this.#responses.delete(name);
    }
    for (const [name, { until_ms }] of this.#leads) if (until_ms <= now_ms) this.#leads.delete(name);
  }

  #answer(tenant: string, entry_id: string, now_ms: number): Kept | undefined {
    const kept = this.#answers.get(answerName(tenant, entry_id));
    return kept !== undefined && kept.expires_ms > now_ms ? kept : undefined;
  }

  /** @returns with no bytes where there is room for them no more. */
  #whole({ tenant }: Pick<CacheAsk, "tenant">, kept: Kept): CacheHit["answer"] {
    return { ...kept, response: this.#responses.get(answerName(tenant, kept.entry_id)) ?? NO_BYTES };
  }

  #byMeaning(
    ask: CacheAsk,
    vector: Float32Array | undefined,
    now_ms: number,
  ): { readonly hit?: CacheHit; readonly evidence?: CacheEvidence } {
    const { index, verifier, settings, threshold: fitted } = this.#options;
    if (!settings.semantic.enabled || ask.text === undefined || vector === undefined) return {};
    const question = { text: ask.text, vector: quantize(vector) };
    const near = index.nearest(ask.namespace, question.vector, settings.semantic.candidates_max, now_ms);
    const threshold = fitted === undefined ? undefined : Math.max(fitted, ask.threshold ?? 0);
    const candidates = candidatesOf(ask, question, near, verifier, threshold);
    const able = candidates.filter(({ rejected_by }) => rejected_by === undefined);
    let hit: CacheHit | undefined;
    for (const candidate of able.toSorted((left, right) => right.probability - left.probability)) {
      const { entry, similarity, probability } = candidate;
      const kept = this.#answer(ask.tenant, entry.entry_id, now_ms);
      if (kept !== undefined) {
        index.used(ask.namespace, entry.entry_id);
        hit = { kind: "hit", how: "semantic", answer: this.#whole(ask, kept), similarity, probability };
        break;
      }
      candidate.rejected_by = "gone";
    }
    const evidence = evidenceOf(candidates, threshold);
    return { ...(hit === undefined ? {} : { hit }), ...(evidence === undefined ? {} : { evidence }) };
  }

  /** @returns until when it waits; undefined where it calls for itself, be it for others too. */
  #share(ask: CacheAsk, now_ms: number): number | undefined {
    const { wait_ms_max, waiting_max } = this.#options.settings.coalesce;
    const name = leadName(ask);
    const lead = this.#leads.get(name);
    if (lead === undefined || lead.until_ms <= now_ms) {
      if (ask.writes) this.#leads.set(name, { id: ask.id, until_ms: now_ms + wait_ms_max });
      return undefined;
    }
    if (lead.id === ask.id) return undefined;
    const left_ms = Math.min(wait_ms_max, (ask.deadline_ms ?? Number.POSITIVE_INFINITY) - now_ms);
    if (this.#waiting >= waiting_max || left_ms <= 0) return undefined;
    this.#waiting += 1;
    return Math.min(lead.ends_ms ?? lead.until_ms, lead.until_ms, now_ms + left_ms);
  }
}

/** No tenant's name holds a space. */
function answerName(tenant: string, entry_id: string): string {
  return `${tenant} ${entry_id}`;
}

/** Each lane has its own. */
function leadName({ tenant, entry_id, lane }: CacheAsk): string {
  return `${tenant} ${entry_id} ${lane}`;
}
