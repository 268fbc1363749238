/**
 * Looks at entries, merged: what is asked for while a round trip is under way goes together in the next one, and the same look of
 * several goes once. An idle router waits for nobody; load makes batches by itself.
 */
import type { CacheAnswers, Look, Sight } from "../../../libs/shared/redis/cache-answers.ts";

/** Of one round trip. */
const LOOKS_MAX = 256;

type Pending = {
  readonly look: Look;
  readonly promise: Promise<Sight>;
  readonly resolve: (sight: Sight) => void;
  readonly reject: (error: unknown) => void;
};

export class MergedLooks {
  readonly #answers: Pick<CacheAnswers, "look">;
  /** By what is asked for; in the order of asking. */
  readonly #pending = new Map<string, Pending>();
  #running = false;

  constructor(answers: Pick<CacheAnswers, "look">) {
    this.#answers = answers;
  }

  /** Rejects (retryable) while the store is away. What waits is bounded by who asks: the requests in flight. */
  look(look: Look): Promise<Sight> {
    const name = nameOf(look);
    const same = this.#pending.get(name);
    if (same !== undefined) return same.promise;
    const pending = { look, ...Promise.withResolvers<Sight>() };
    this.#pending.set(name, pending);
    if (!this.#running) void this.#run();
    return pending.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    // What is asked for in this very moment goes along.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending].slice(0, LOOKS_MAX);
      for (const [name] of batch) this.#pending.delete(name);
      await this.#send(batch.map(([, pending]) => pending));
    }
    this.#running = false;
  }

  async #send(batch: readonly Pending[]): Promise<void> {
    try {
      const sights = await this.#answers.look(batch.map(({ look }) => look));
      for (const [index, { resolve }] of batch.entries()) resolve(sights[index] as Sight);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** No tenant, entry or request id holds a space. */
function nameOf({ tenant, entry_id, lead }: Look): string {
  if (lead === undefined) return `${tenant} ${entry_id}`;
  return `${tenant} ${entry_id} ${lead.lane} ${lead.kind === "see" ? "" : lead.id}`;
}
