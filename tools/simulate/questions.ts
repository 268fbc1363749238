/** What requests of one run ask, and what they say of the cache: many the same, some nearly the same. */
import type { Random } from "./random.ts";

/** Each differs from the next in one word. */
const PLACES = ["france", "spain", "peru"] as const;

export class Questions {
  readonly #random: Random;
  /** Part of the requests that ask what others ask. */
  readonly #shared: number;
  readonly #places: readonly string[];

  constructor(random: Random) {
    this.#random = random;
    this.#shared = random.pick([0, 0.4, 0.7, 0.9]);
    this.#places = PLACES.slice(0, random.int(1, PLACES.length));
  }

  /** @param own a question that nobody else asks. */
  body(own: string): Record<string, unknown> {
    const random = this.#random;
    if (!random.chance(this.#shared)) return { model: "auto", messages: [{ role: "user", content: own }] };
    const question = `what is the capital of ${random.pick(this.#places)}`;
    const content = random.chance(0.3) ? `please ${question}` : question;
    const system = random.chance(0.1) ? [{ role: "system", content: "be brief" }] : [];
    const body = { model: "auto", messages: [...system, { role: "user", content }] };
    // What changes nothing of the answer, in another order of members.
    return random.chance(0.2) ? { user: `person-${random.int(1, 9)}`, ...body } : body;
  }

  /** The request's own wishes, nothing for most. */
  wishes(): Record<string, unknown> {
    const random = this.#random;
    const mode = random.chance(0.2) ? { mode: random.pick(["bypass", "no-store", "only"]) } : {};
    const ttl = random.chance(0.2) ? { ttl_seconds: random.pick([1, 5, 60]) } : {};
    const threshold = random.chance(0.05) ? { threshold: 0.99 } : {};
    const cache = { ...mode, ...ttl, ...threshold };
    return Object.keys(cache).length === 0 ? {} : { cache };
  }

  /** For `metadata`. */
  label(): Record<string, string> {
    return this.#random.chance(0.15) ? { cache_namespace: this.#random.pick(["team-a", "team-b"]) } : {};
  }
}
