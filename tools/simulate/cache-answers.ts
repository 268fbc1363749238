/** The cache's answers and leads (`libs/shared/redis/cache-answers.ts`) in memory, for tests and simulations. */
import type { Clock } from "../../libs/shared/clock.ts";
import {
  type AnswerRef,
  aliveKey,
  answerKey,
  type CacheAnswers,
  decodeAnswer,
  type EndedLead,
  encodeAnswer,
  type Keeping,
  LANES,
  type Lane,
  type Look,
  leadKey,
  type Sight,
} from "../../libs/shared/redis/cache-answers.ts";

type Kept = {
  readonly value: Buffer;
  readonly until_ms: number;
  /** There is something under this key since then. */
  readonly since_ms: number;
};

export class MemoryCacheAnswers implements CacheAnswers {
  readonly #clock: Clock;
  readonly #heard: (ref: AnswerRef) => void;
  readonly #keys = new Map<string, Kept>();

  /** @param heard told of leads that end, as who follows the channel is. */
  constructor(clock: Clock, heard: (ref: AnswerRef) => void = () => undefined) {
    this.#clock = clock;
    this.#heard = heard;
  }

  async look(looks: readonly Look[]): Promise<Sight[]> {
    return looks.map((look) => this.#look(look));
  }

  async finish(answers: readonly Keeping[], leads: readonly EndedLead[], now_ms: number): Promise<void> {
    this.#keep(answers, now_ms);
    for (const lead of leads) {
      for (const key of LANES.map((lane) => leadKey(lead, lane))) {
        if (this.#get(key)?.toString() === lead.id) this.#keys.delete(key);
      }
      this.#heard({ tenant: lead.tenant, entry_id: lead.entry_id });
    }
  }

  async restore(answers: readonly Keeping[], now_ms: number): Promise<void> {
    const absent = answers.filter((keeping) => this.#get(answerKey(keeping)) === undefined);
    this.#keep(absent, now_ms);
  }

  async remove(refs: readonly AnswerRef[]): Promise<void> {
    for (const ref of refs) this.#keys.delete(answerKey(ref));
  }

  async isAlive(): Promise<boolean> {
    return this.#keys.has(aliveKey());
  }

  async setAlive(): Promise<void> {
    this.#set(aliveKey(), Buffer.from("1"), Number.POSITIVE_INFINITY);
  }

  /** Everything is lost, as when the server starts anew. */
  lose(): void {
    this.#keys.clear();
  }

  /** What is there now, by key. */
  get keys(): readonly string[] {
    return [...this.#keys.keys()].filter((key) => this.#get(key) !== undefined);
  }

  /** Since when an answer is there without a break; undefined where there is none. */
  keptSince_ms(ref: AnswerRef): number | undefined {
    return this.#kept(answerKey(ref))?.since_ms;
  }

  /** Who leads in a lane, and since when. */
  leader(ref: AnswerRef, lane: Lane): { readonly id: string; readonly since_ms: number } | undefined {
    const kept = this.#kept(leadKey(ref, lane));
    return kept === undefined ? undefined : { id: kept.value.toString(), since_ms: kept.since_ms };
  }

  #look({ lead, ...ref }: Look): Sight {
    const answer = decodeAnswer(this.#get(answerKey(ref)) ?? null);
    if (lead === undefined) return { leader: undefined, answer };
    const key = leadKey(ref, lead.lane);
    if (lead.kind === "take" && this.#get(key) === undefined) {
      this.#set(key, Buffer.from(lead.id), this.#clock.now_ms() + lead.ttl_ms);
    }
    return { leader: this.#get(key)?.toString(), answer };
  }

  #keep(answers: readonly Keeping[], now_ms: number): void {
    for (const { answer, ...ref } of answers) {
      if (answer.expires_ms <= now_ms) continue;
      this.#set(answerKey(ref), encodeAnswer(answer), answer.expires_ms);
    }
  }

  #set(key: string, value: Buffer, until_ms: number): void {
    this.#keys.set(key, { value, until_ms, since_ms: this.#kept(key)?.since_ms ?? this.#clock.now_ms() });
  }

  #get(key: string): Buffer | undefined {
    return this.#kept(key)?.value;
  }

  #kept(key: string): Kept | undefined {
    const kept = this.#keys.get(key);
    if (kept === undefined || kept.until_ms > this.#clock.now_ms()) return kept;
    this.#keys.delete(key);
    return undefined;
  }
}
