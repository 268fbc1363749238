/** Answers in this process's memory: those used last, within bounds of number and bytes (I6). */
import { LRUCache } from "lru-cache";
import type { CacheSettings } from "../../../libs/shared/config/cache.ts";
import type { AnswerRef, KeptAnswer } from "../../../libs/shared/redis/cache-answers.ts";

/** What an answer takes beside its response's bytes, about. */
const OVERHEAD_BYTES = 1_024;

export class LocalAnswers {
  readonly #answers: LRUCache<string, KeptAnswer>;
  #removals = 0;

  constructor({ local_entries_max, local_bytes_max }: Omit<CacheSettings["exact"], "enabled">) {
    this.#answers = new LRUCache({ max: local_entries_max, maxSize: local_bytes_max, sizeCalculation: bytesOf });
  }

  /** How often something was removed so far: an answer that was asked for before a removal may be the removed one. */
  get removals(): number {
    return this.#removals;
  }

  /** @returns undefined also for an answer whose time is over. */
  get(ref: AnswerRef, now_ms: number): KeptAnswer | undefined {
    const name = nameOf(ref);
    const answer = this.#answers.get(name);
    if (answer === undefined || answer.expires_ms > now_ms) return answer;
    this.#answers.delete(name);
    return undefined;
  }

  /** @param removals as they were when the answer was asked for; after another removal it is not kept. */
  put(ref: AnswerRef, answer: KeptAnswer, removals: number): void {
    if (removals !== this.#removals) return;
    // A copy: the bytes may be a piece of a much larger reply, which would stay as long.
    this.#answers.set(nameOf(ref), { ...answer, response: Buffer.from(answer.response) });
  }

  remove(refs: readonly AnswerRef[]): void {
    this.#removals += 1;
    for (const ref of refs) this.#answers.delete(nameOf(ref));
  }

  get size(): number {
    return this.#answers.size;
  }

  get bytes(): number {
    return this.#answers.calculatedSize;
  }
}

/** The tenant is part of the name: no answer is found without its tenant (I5). */
function nameOf({ tenant, entry_id }: AnswerRef): string {
  return `${tenant} ${entry_id}`;
}

function bytesOf({ response }: KeptAnswer): number {
  return response.length + OVERHEAD_BYTES;
}
