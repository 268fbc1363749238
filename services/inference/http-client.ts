/** The model backend over HTTP: undici with keep-alive connections, bounded in number, time and bytes. */
import { errors, Pool } from "undici";
import type { ModelAnswer, ModelCall, ModelClient } from "./model-client.ts";

export type HttpModelOptions = {
  /** Ends in the API's version: `https://api.openai.com/v1`. */
  readonly base_url: string;
  readonly api_key: string | undefined;
  readonly connections_max: number;
  readonly response_bytes_max: number;
};

export class HttpModelClient implements ModelClient {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #options: HttpModelOptions;

  constructor(options: HttpModelOptions) {
    const url = new URL(options.base_url);
    this.#options = options;
    this.#prefix = url.pathname.replace(/\/$/, "");
    this.#pool = new Pool(url.origin, {
      connections: options.connections_max,
      keepAliveTimeout: 30_000,
      connect: { timeout: 5_000 },
    });
  }

  async call(call: ModelCall): Promise<ModelAnswer> {
    const { api_key } = this.#options;
    const signal = AbortSignal.timeout(call.timeout_ms);
    try {
      const response = await this.#pool.request({
        method: "POST",
        path: this.#prefix + call.path,
        headers: {
          "content-type": "application/json",
          "x-sluice-id": call.id,
          ...(api_key === undefined ? {} : { authorization: `Bearer ${api_key}` }),
        },
        body: call.body,
        signal,
        headersTimeout: call.timeout_ms,
        bodyTimeout: call.timeout_ms,
      });
      const body = await readBounded(response.body, this.#options.response_bytes_max);
      if (body === undefined) return { kind: "too_large", bytes_max: this.#options.response_bytes_max };
      const retry_after_ms = retryAfter_ms(response.headers);
      return {
        kind: "answered",
        status: response.statusCode,
        body,
        ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
      };
    } catch (error) {
      if (signal.aborted || error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
        return { kind: "timeout" };
      }
      return { kind: "unreachable", message: error instanceof Error ? error.message : String(error) };
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** @returns undefined when the stream holds more; the rest is not read. */
async function readBounded(stream: AsyncIterable<Buffer>, bytes_max: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > bytes_max) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** `retry-after-ms` before `retry-after` in seconds, as OpenAI's own clients read them. */
function retryAfter_ms(headers: Readonly<Record<string, string | string[] | undefined>>): number | undefined {
  const ms = Number(headers["retry-after-ms"] ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}
