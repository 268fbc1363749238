/**
 * What the caller of a streamed chat completion is sent, decided from the request's token stream and its Result. Pure.
 *
 * - Nothing is sent before the first text: until then the request may still fail, and its caller is told with a proper status.
 * - Chunks go on as the provider made them while one attempt is followed without a gap. After that (another attempt, lost entries, an end
 *   that is no success) only the Result says what the answer is: its reader is sent the rest of it, where what it has is the beginning.
 */
import type { Usage } from "../../../libs/shared/events/fields.ts";
import type { TokenEvent } from "../../../libs/shared/redis/token-events.ts";
import { headOf, restChunks, usageChunk } from "./chat-chunks.ts";
import { bringsText, type Fields, fieldsIn, isFields, SentAnswer } from "./chat-sent.ts";

/** Told beside the usage, whose caller wants to know what it cost. */
export type Account = {
  readonly id: string;
  readonly tier?: string | undefined;
  readonly cache?: string | undefined;
  readonly cost_usd?: number | undefined;
};

/** Chunks without text that are held back at the most. */
const HELD_CHUNKS_MAX = 64;
const HELD_CHARS_MAX = 64 * 1024;

export class ChatRelay {
  readonly #usage_wanted: boolean;
  readonly #sent = new SentAnswer();
  /** Chunks of this attempt that brought no text yet. */
  #held: string[] = [];
  #held_chars = 0;
  #begun = false;
  /** The last entry of the attempt that is followed; undefined where none is. */
  #last: { readonly ms: string; readonly n: number } | undefined;
  #usage_chunk: Fields | undefined;
  #end: Extract<TokenEvent, { kind: "end" }> | undefined;

  /** @param usage_wanted the caller asked for usage (`stream_options.include_usage`). */
  constructor(usage_wanted: boolean) {
    this.#usage_wanted = usage_wanted;
  }

  /** Something was given out to be sent. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Tokens bring it on; otherwise only a new attempt (before anything is sent) or the Result does. */
  get live(): boolean {
    return this.#last !== undefined;
  }

  /** The whole answer was given out but for `closing`; undefined while it was not. */
  get ended(): { readonly usage?: Usage } | undefined {
    return this.#end;
  }

  /** @param id the entry's. @returns chunks to be sent now. */
  take(id: string, event: TokenEvent): readonly string[] {
    if (this.#end !== undefined) return [];
    if (event.kind === "start") {
      this.#drop();
      // What was sent of an attempt that is given up may not be the beginning of this one.
      this.#last = this.#begun ? undefined : placeOf(id);
      return [];
    }
    if (!this.#follows(id)) return [];
    if (event.kind === "token") return this.#token(event.chunk);
    // An answer without any text is taken from the Result, as is one with tokens missing.
    if (event.status === "succeeded" && this.#begun && event.truncated !== true) this.#end = event;
    else this.#last = undefined;
    return [];
  }

  /** What brings the reader to the whole answer, made as it is taken; undefined when what it was sent is not its beginning. */
  rest(response: object): Iterable<string> | undefined {
    const chunks = restChunks(response as Fields, this.#sent);
    if (chunks === undefined) return undefined;
    this.#begun = true;
    return texts(chunks);
  }

  /** The last chunk, for a caller that wants usage. @param response of the Result, where it was needed. */
  closing(usage: Usage | undefined, account: Account, response: object = {}): readonly string[] {
    if (!this.#usage_wanted) return [];
    const { usage: own } = response as Fields;
    const given = own ?? this.#usage_chunk?.["usage"] ?? (usage === undefined ? undefined : countsOf(usage));
    if (given === undefined) return [];
    const head = { ...headOf(response as Fields, this.#sent), ...this.#usage_chunk };
    return [JSON.stringify(usageChunk(head, given, { sluice: account }))];
  }

  #follows(id: string): boolean {
    const place = placeOf(id);
    if (this.#last === undefined) return false;
    const next = place.ms === this.#last.ms && place.n === this.#last.n + 1;
    this.#last = next ? place : undefined;
    if (!next) this.#drop();
    return next;
  }

  #token(text: string): readonly string[] {
    const chunk = readChunk(text);
    if (chunk === undefined) {
      this.#last = undefined;
      return [];
    }
    if (!this.#begun) {
      this.#held.push(text);
      this.#held_chars += text.length;
      const full = this.#held.length > HELD_CHUNKS_MAX || this.#held_chars > HELD_CHARS_MAX;
      if (!bringsText(chunk) && !full) return [];
      this.#begun = true;
      const held = this.#held;
      this.#drop();
      return held.flatMap((one) => this.#passOn(one, readChunk(one) as Fields));
    }
    return this.#passOn(text, chunk);
  }

  #passOn(text: string, chunk: Fields): readonly string[] {
    const { usage, ...rest } = chunk;
    if (isFields(usage)) {
      // It is sent at the end, when the cost is known.
      if (fieldsIn(chunk["choices"]).length === 0) {
        this.#usage_chunk = chunk;
        return [];
      }
      if (this.#usage_chunk?.["choices"] === undefined) this.#usage_chunk = { usage };
    }
    this.#sent.add(chunk);
    return [isFields(usage) && !this.#usage_wanted ? JSON.stringify(rest) : text];
  }

  #drop(): void {
    this.#held = [];
    this.#held_chars = 0;
  }
}

function* texts(chunks: Iterable<Fields>): Iterable<string> {
  for (const chunk of chunks) yield JSON.stringify(chunk);
}

function readChunk(text: string): Fields | undefined {
  try {
    const chunk: unknown = JSON.parse(text);
    return isFields(chunk) ? chunk : undefined;
  } catch {
    return undefined;
  }
}

function placeOf(id: string): { readonly ms: string; readonly n: number } {
  const [ms = "", n = ""] = id.split("-");
  return { ms, n: Number(n) };
}

/** As OpenAI says it. */
function countsOf({ prompt_tokens, completion_tokens, cached_prompt_tokens }: Usage): Fields {
  const prompt_tokens_details = { cached_tokens: cached_prompt_tokens };
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, prompt_tokens_details };
}
