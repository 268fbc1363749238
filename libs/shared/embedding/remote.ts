/**
 * Embeddings by any OpenAI-compatible URL: `POST <base_url>/embeddings` with the model's name and a batch of texts. What may pass (no
 * connection, 408, 409, 429, 5xx) is tried once more, when what is left of the time allows the wait.
 */
import { type Dispatcher, Pool } from "undici";
import { type BackoffPolicy, backoff_ms } from "../backoff.ts";
import { type Clock, sleep } from "../clock.ts";
import type { SluiceError } from "../errors.ts";
import { readBounded } from "../http/bounded.ts";
import type { EmbeddingBackend } from "./backend.ts";
import { embeddingAway, embeddingImpossible } from "./failure.ts";
import { toLengthOne } from "./pooling.ts";

export type RemoteOptions = {
  /** Ends in the API's version: `https://api.openai.com/v1`. */
  readonly base_url: string;
  readonly api_key?: string | undefined;
  readonly model: string;
  /** Of a batch, with its second attempt. */
  readonly timeout_ms: number;
  readonly clock: Clock;
  readonly random: () => number;
};

type Failure = { readonly error: SluiceError; readonly wait_ms?: number | undefined };
type Attempt = { readonly vectors: Float32Array[] } | Failure;

const CONNECTIONS = 4;
const CONNECT_MS_MAX = 5_000;
/** A batch of 64 of the longest vectors in use, printed, holds about 5 MiB. */
const RESPONSE_BYTES_MAX = 32 * 1024 * 1024;
const AGAIN: BackoffPolicy = { base_ms: 250, cap_ms: 1_000 };
const FIX = "Check the endpoint's base_url, its key and cache.semantic.embedding.model.";

export class RemoteEmbeddings implements EmbeddingBackend {
  readonly lanes = CONNECTIONS;
  readonly #options: RemoteOptions;
  readonly #pool: Pool;
  readonly #path: string;
  #dimensions = 0;

  private constructor(options: RemoteOptions) {
    const url = new URL(options.base_url);
    this.#options = options;
    this.#path = `${url.pathname.replace(/\/$/, "")}/embeddings`;
    this.#pool = new Pool(url.origin, {
      connections: CONNECTIONS,
      connect: { timeout: CONNECT_MS_MAX },
      // The call's own time-out holds.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Asks once, to know how many dimensions there are. @throws `embedding_unavailable`. */
  static async open(options: RemoteOptions): Promise<RemoteEmbeddings> {
    const remote = new RemoteEmbeddings(options);
    try {
      const [vector] = await remote.embed(["ready"]);
      remote.#dimensions = (vector as Float32Array).length;
      return remote;
    } catch (error) {
      await remote.close();
      throw error;
    }
  }

  get dimensions(): number {
    return this.#dimensions;
  }

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    const { clock, random, timeout_ms } = this.#options;
    const until_ms = clock.now_ms() + timeout_ms;
    const first = await this.#attempt(texts, until_ms);
    if ("vectors" in first) return first.vectors;
    const wait_ms = Math.max(first.wait_ms ?? 0, backoff_ms(AGAIN, 0, random()));
    if (!first.error.retryable || clock.now_ms() + wait_ms >= until_ms) throw first.error;
    await sleep(clock, wait_ms);
    const second = await this.#attempt(texts, until_ms);
    if ("vectors" in second) return second.vectors;
    throw second.error;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #attempt(texts: readonly string[], until_ms: number): Promise<Attempt> {
    const { clock } = this.#options;
    const limit = new AbortController();
    const timer = clock.after(until_ms - clock.now_ms(), () => limit.abort(new Error("it took too long")));
    try {
      return this.#read(texts.length, await this.#post(texts, limit.signal));
    } catch (error) {
      const why = limit.signal.aborted ? "the endpoint took too long" : `the endpoint is away (${wordsOf(error)})`;
      return { error: embeddingAway(why, error) };
    } finally {
      timer.cancel();
    }
  }

  async #post(texts: readonly string[], signal: AbortSignal): Promise<Answered> {
    const { api_key, model } = this.#options;
    const { statusCode, headers, body } = await this.#pool.request({
      method: "POST",
      path: this.#path,
      headers: {
        "content-type": "application/json",
        ...(api_key === undefined ? {} : { authorization: `Bearer ${api_key}` }),
      },
      body: JSON.stringify({ model, input: texts, encoding_format: "float" }),
      signal,
    });
    return { status: statusCode, headers, bytes: await readBounded(body, RESPONSE_BYTES_MAX) };
  }

  #read(count: number, { status, headers, bytes }: Answered): Attempt {
    if (status !== 200) {
      const why = `the endpoint answered ${status}`;
      if (isPassing(status)) return { error: embeddingAway(why), wait_ms: retryAfter_ms(headers["retry-after"]) };
      return { error: embeddingImpossible(why, FIX) };
    }
    const vectors = bytes === undefined ? undefined : readVectors(bytes.toString(), count);
    const known = this.#dimensions;
    if (vectors?.every(({ length }) => length > 0 && length === (known || vectors[0]?.length))) return { vectors };
    return { error: embeddingImpossible("the endpoint's answer holds no vectors of one length for the texts", FIX) };
  }
}

type Answered = {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  /** Undefined when it is too large. */
  readonly bytes: Buffer | undefined;
};

const isPassing = (status: number): boolean => [408, 409, 429].includes(status) || status >= 500;

function retryAfter_ms(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}

/** @returns undefined for what is no answer to so many texts. Entries may come in any order: `index` tells their places. */
function readVectors(text: string, count: number): Float32Array[] | undefined {
  const data = dataOf(text);
  if (!Array.isArray(data) || data.length !== count) return undefined;
  const vectors: (Float32Array | undefined)[] = new Array(count).fill(undefined);
  for (const [at, entry] of data.entries()) {
    const { index = at, embedding } = (entry ?? {}) as { readonly index?: unknown; readonly embedding?: unknown };
    if (typeof index !== "number" || !(index in vectors) || !Array.isArray(embedding)) return undefined;
    if (!embedding.every((value) => typeof value === "number")) return undefined;
    vectors[index] = toLengthOne(Float32Array.from(embedding));
  }
  return vectors.every((vector) => vector !== undefined) ? vectors : undefined;
}

function dataOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { readonly data?: unknown } | null)?.data;
  } catch {
    return undefined;
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name);
}
