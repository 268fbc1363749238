/**
 * Answers that may be given again, in Redis, and who is making one now. A view: `llm.cache` has the answers too. Pure; the store on
 * Redis is `cache-answers-store.ts`.
 *
 *   cache:{tenant}:answer:<entry_id>   the answer: a line of JSON, and behind it the provider's JSON as bytes; ends with its time
 *   cache:{tenant}:lead:<entry_id>     the id of the request whose call answers all that ask the same meanwhile; of the batch lane,
 *                                      which takes its time, under `lead-batch`: nobody who is in a hurry waits for it
 *   cache:alive                        set as long as Redis has lost nothing; in a cluster one on each server, with a hash tag behind it
 */

/** An answer that is kept. */
export type KeptAnswer = {
  readonly entry_id: string;
  readonly created_ms: number;
  readonly expires_ms: number;
  readonly tier: string;
  readonly model: string;
  readonly cost_usd: number;
  /** Of the hop that kept it, where that was traced: who is given the answer links it. */
  readonly traceparent?: string;
  /** The provider's JSON. */
  readonly response: Buffer;
};

/** The place of an answer. The tenant is the key's own part: no answer is read without its tenant (I5). */
export type AnswerRef = { readonly tenant: string; readonly entry_id: string };

export type Lane = "interactive" | "batch";

/** A look at one entry: its answer, and if asked for, who makes it in a lane. */
export type Look = AnswerRef & {
  readonly lead?:
    | { readonly kind: "see"; readonly lane: Lane }
    /** Takes the lead unless another has it. */
    | { readonly kind: "take"; readonly lane: Lane; readonly id: string; readonly ttl_ms: number };
};

export type Sight = {
  readonly answer: KeptAnswer | undefined;
  /** Who leads after the look; undefined where nobody does or it was not asked for. */
  readonly leader: string | undefined;
};

/** A lead that ends in whichever lane, and whose it was: another's is left alone. */
export type EndedLead = AnswerRef & { readonly id: string };

export type Keeping = AnswerRef & { readonly answer: KeptAnswer };

/** What the router needs. All reject with a retryable error while the store is away. */
export interface CacheAnswers {
  /**
   * Sights in the order of the looks, in one round trip. The lead is looked at before the answer: who sees neither knows that the lead
   * ended without one.
   */
  look(looks: readonly Look[]): Promise<Sight[]>;
  /**
   * Keeps the answers until they expire, then ends the leads, then says so to whoever waits; in this order, in one round trip. Safe to
   * repeat.
   */
  finish(answers: readonly Keeping[], leads: readonly EndedLead[], now_ms: number): Promise<void>;
  /** Keeps those of the answers that are not there. */
  restore(answers: readonly Keeping[], now_ms: number): Promise<void>;
  remove(refs: readonly AnswerRef[]): Promise<void>;
  /** False when the store was emptied since `setAlive`. */
  isAlive(): Promise<boolean>;
  setAlive(): Promise<void>;
}

export function answerKey({ tenant, entry_id }: AnswerRef): string {
  return `cache:{${tenant}}:answer:${entry_id}`;
}

export function leadKey({ tenant, entry_id }: AnswerRef, lane: Lane): string {
  return `cache:{${tenant}}:${lane === "batch" ? "lead-batch" : "lead"}:${entry_id}`;
}

export const LANES: readonly Lane[] = ["interactive", "batch"];

/** @param home a hash tag of a slot that the server has; none for one Redis. */
export function aliveKey(home?: string): string {
  return home === undefined ? "cache:alive" : `cache:alive:${home}`;
}

/** Where it is said that a lead has ended. Channels have no prefix: a word of another pipeline only causes a look. */
export const ENDED_CHANNEL = "sluice:cache:ended";

/** No tenant's name holds a space. */
export function endedWord({ tenant, entry_id }: AnswerRef): string {
  return `${tenant} ${entry_id}`;
}

export function parseEndedWord(word: string): AnswerRef {
  const at = word.indexOf(" ");
  return { tenant: word.slice(0, at), entry_id: word.slice(at + 1) };
}

const LINE_END = 0x0a;

export function encodeAnswer({ response, ...head }: KeptAnswer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), response]);
}

/** @returns undefined for what nobody can read: it counts as no answer. */
export function decodeAnswer(bytes: Buffer | null): KeptAnswer | undefined {
  const end = bytes?.indexOf(LINE_END) ?? -1;
  if (bytes === null || end < 0) return undefined;
  try {
    const head = JSON.parse(bytes.toString("utf8", 0, end)) as Omit<KeptAnswer, "response">;
    if (typeof head.entry_id !== "string" || typeof head.expires_ms !== "number") return undefined;
    return { ...head, response: bytes.subarray(end + 1) };
  } catch {
    return undefined;
  }
}
