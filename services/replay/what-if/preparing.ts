/**
 * What can be said of a request before its turn comes: how ingest judges it, what the cache is asked, what is recorded of it. None of it
 * depends on other requests, so that many are prepared together, and their texts embedded at once.
 */
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import type { Estimated } from "../../../libs/shared/estimate/estimate.ts";
import { isInternalTenant } from "../../../libs/shared/events/shadow.ts";
import type { Judged } from "../../ingest/reading.ts";
import type { Recorded } from "../contract.ts";
import { type Known, knownOf } from "./known.ts";
import type { RouterView, Rules } from "./rules.ts";

export type Prepared = {
  readonly recorded: Recorded;
  /** When it came, or what came before it: virtual time does not go back. */
  readonly at_ms: number;
  /** Undefined where its record holds no request. */
  readonly judged: Judged | undefined;
  readonly request: Buffer;
  readonly estimated: Estimated | undefined;
  readonly known: Known | undefined;
  /** Of one that may be admitted. */
  readonly view: RouterView | undefined;
  readonly vector: Float32Array | undefined;
  /** A run for a comparison: nobody asked for it. */
  readonly is_internal: boolean;
};

const NO_BYTES = Buffer.alloc(0);
/** Embedded at once. */
export const TEXTS_MAX = 64;

export class Preparing {
  readonly #rules: Rules;
  readonly #embedder: Pick<Embedder, "embed"> | undefined;
  #at_ms = 0;

  constructor(rules: Rules, embedder: Pick<Embedder, "embed"> | undefined) {
    this.#rules = rules;
    this.#embedder = embedder;
  }

  /** In the order given, which is the order of arrival. @throws retryable while embeddings are away. */
  async prepare(records: readonly Recorded[]): Promise<Prepared[]> {
    const read = records.map((recorded) => this.#one(recorded));
    const texts = [...new Set(read.flatMap(({ text }) => text ?? []))];
    const vectors = await this.#embed(texts);
    return read.map(({ text, prepared }) => ({
      ...prepared,
      vector: text === undefined ? undefined : vectors.get(text),
    }));
  }

  #one(recorded: Recorded): { readonly prepared: Prepared; readonly text: string | undefined } {
    const rules = this.#rules;
    this.#at_ms = Math.max(this.#at_ms, recorded.received_ms);
    const at_ms = this.#at_ms;
    const entered = rules.enter(recorded, at_ms);
    const judged = entered?.judged;
    const request = recorded.request ?? NO_BYTES;
    const head = judged?.admission.kind === "admit" ? judged.admission.head : undefined;
    const view = head === undefined ? undefined : rules.view(head, request);
    const text = head === undefined || view === undefined ? undefined : rules.textOf(head, request, view);
    const known = knownOf(recorded, rules.settings.admission.deferred.wait_ms_min);
    const is_internal = isInternalTenant(recorded.tenant);
    const estimated = entered?.estimated;
    return {
      prepared: { recorded, at_ms, judged, request, estimated, known, view, vector: undefined, is_internal },
      text,
    };
  }

  async #embed(texts: readonly string[]): Promise<ReadonlyMap<string, Float32Array>> {
    const vectors = new Map<string, Float32Array>();
    for (let at = 0; at < texts.length && this.#embedder !== undefined; at += TEXTS_MAX) {
      const some = texts.slice(at, at + TEXTS_MAX);
      const made = await this.#embedder.embed(some);
      for (const [index, text] of some.entries()) {
        const vector = made[index];
        if (vector !== undefined) vectors.set(text, vector);
      }
    }
    return vectors;
  }
}
