/** What many entries have in common is kept once: parsed JSON brings every string anew. Pure. */
import type { Row } from "./row.ts";

/** Then it begins anew: strings that are kept already stay with their entries. */
const STRINGS_MAX = 100_000;

export class SharedStrings {
  readonly #known = new Map<string, string>();

  shareIn(head: Row["head"]): Row["head"] {
    const { label, embedding_model } = head;
    return {
      ...head,
      namespace: this.#share(head.namespace),
      tenant: this.#share(head.tenant),
      tier: this.#share(head.tier),
      model: this.#share(head.model),
      ...(label === undefined ? {} : { label: this.#share(label) }),
      ...(embedding_model === undefined ? {} : { embedding_model: this.#share(embedding_model) }),
    };
  }

  #share(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= STRINGS_MAX) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }
}
