/**
 * The model backend over HTTP: undici with keep-alive connections, bounded in number, time and bytes. An answer is read no faster
 * than it is used: what comes too fast waits in the socket.
 *
 * Time: `timeout_ms` holds for the whole call, streamed or not, so that a deadline is kept. A stream is given up earlier when it says
 * nothing for `idle_ms` once it has begun; a comment or half an event is a sign of life.
 *
 * Bytes: an answer may hold `response_bytes_max`. In a stream each token is wrapped into some 300 bytes, so that limit holds for one
 * event, and `STREAM_WRAPPING` times as much for all of them; whoever puts them together bounds what they come to.
 */

import { type Dispatcher, Pool } from "undici";
import { type Clock, systemClock, type Timer } from "../../libs/shared/clock.ts";
import { readBounded } from "../../libs/shared/http/bounded.ts";
import { showPool } from "../../libs/shared/metrics/dependencies.ts";
import { readProviderLimits } from "./limits/provider-limits.ts";
import type { ModelAnswer, ModelCall, ModelClient } from "./model-client.ts";
import { SseParser } from "./streaming/sse.ts";

export type HttpModelOptions = {
  /** The endpoint's, for metrics; its host where it is left out. */
  readonly name?: string;
  /** Ends in the API's version: `https://api.openai.com/v1`. */
  readonly base_url: string;
  readonly api_key: string | undefined;
  readonly connections_max: number;
  readonly response_bytes_max: number;
  readonly clock?: Clock;
};

type Response = Pick<Dispatcher.ResponseData, "statusCode" | "headers" | "body">;

/** How many times larger a stream may be than what it carries. */
const STREAM_WRAPPING = 64;
/** After its `[DONE]`, so long a stream may take to end by itself, which keeps its connection for the next call. */
const DONE_GRACE_MS = 250;

export class HttpModelClient implements ModelClient {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #options: HttpModelOptions;
  readonly #clock: Clock;
  readonly #hide: () => void;

  constructor(options: HttpModelOptions) {
    const url = new URL(options.base_url);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#prefix = url.pathname.replace(/\/$/, "");
    this.#pool = new Pool(url.origin, {
      connections: options.connections_max,
      keepAliveTimeout: 30_000,
      connect: { timeout: 5_000 },
      // The call's own time-out holds.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const { stats } = this.#pool;
    this.#hide = showPool(`http:${options.name ?? url.host}`, () => ({
      in_use: stats.running,
      limit: options.connections_max,
      waiting: stats.queued,
    }));
  }

  async call(call: ModelCall): Promise<ModelAnswer> {
    const limit = new CallLimit(this.#clock, call);
    const state: CallState = { streaming: false };
    try {
      if (limit.ended !== undefined) return { kind: limit.ended };
      const response = await this.#pool.request({
        method: "POST",
        path: this.#prefix + call.path,
        headers: this.#headers(call),
        body: call.body,
        signal: limit.signal,
      });
      return await this.#read(call, response, limit, state);
    } catch (error) {
      if (state.listener_failed !== undefined) throw state.listener_failed.error;
      if (limit.ended !== undefined) return { kind: limit.ended };
      if (state.streaming) return { kind: "broken", message: messageOf(error) };
      return { kind: "unreachable", message: messageOf(error), ...(isUnsent(error) ? {} : { sent: true }) };
    } finally {
      limit.lift();
    }
  }

  async close(): Promise<void> {
    this.#hide();
    await this.#pool.close();
  }

  #headers({ id, warm_up, onEvent, trace }: ModelCall): Record<string, string> {
    const { api_key } = this.#options;
    return {
      "content-type": "application/json",
      accept: onEvent === undefined ? "application/json" : "text/event-stream, application/json",
      "x-sluice-id": id,
      ...trace,
      ...(warm_up === true ? { "x-sluice-warm-up": "1" } : {}),
      ...(api_key === undefined ? {} : { authorization: `Bearer ${api_key}` }),
    };
  }

  async #read(call: ModelCall, response: Response, limit: CallLimit, state: CallState): Promise<ModelAnswer> {
    const { statusCode: status, headers } = response;
    const word = readProviderLimits(headers, this.#clock.now_ms());
    const answered = (body: Buffer): ModelAnswer => ({ kind: "answered", status, body, ...word });
    const bytes_max = this.#options.response_bytes_max;
    // A provider that streams nothing although it was asked to, or refuses, answers whole.
    if (call.onEvent !== undefined && status === 200 && isEventStream(headers["content-type"])) {
      state.streaming = true;
      const end = await tellEvents(response.body, call.onEvent, bytes_max, limit, state);
      if (end === "done") return answered(Buffer.alloc(0));
      if (end === "too_large") return { kind: "too_large", bytes_max };
      return { kind: "broken", message: "it ended before its [DONE]" };
    }
    const body = await readBounded(response.body, bytes_max);
    return body === undefined ? { kind: "too_large", bytes_max } : answered(body);
  }
}

type CallState = {
  streaming: boolean;
  /** What `onEvent` threw: a bug of ours, not the provider's failure. */
  listener_failed?: { readonly error: unknown };
};

/** A call's time-outs and its caller's signal, as one signal. */
class CallLimit {
  readonly #clock: Clock;
  readonly #call: ModelCall;
  readonly #controller = new AbortController();
  readonly #whole: Timer;
  #idle: Timer | undefined;
  #ended: "timeout" | "aborted" | undefined;
  readonly #abort = (): void => this.#end("aborted");

  constructor(clock: Clock, call: ModelCall) {
    this.#clock = clock;
    this.#call = call;
    this.#whole = clock.after(call.timeout_ms, () => this.#end("timeout"));
    if (call.signal?.aborted) this.#end("aborted");
    else call.signal?.addEventListener("abort", this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the call was given up, if it was. */
  get ended(): "timeout" | "aborted" | undefined {
    return this.#ended;
  }

  /** The stream has said something. */
  alive(): void {
    const { idle_ms } = this.#call;
    if (idle_ms === undefined) return;
    this.#idle?.cancel();
    this.#idle = this.#clock.after(idle_ms, () => this.#end("timeout"));
  }

  /** The stream is done; only its connection may still end. */
  done(): void {
    this.#idle?.cancel();
    this.#idle = this.#clock.after(DONE_GRACE_MS, () => this.#controller.abort());
  }

  lift(): void {
    this.#whole.cancel();
    this.#idle?.cancel();
    this.#call.signal?.removeEventListener("abort", this.#abort);
  }

  #end(why: "timeout" | "aborted"): void {
    this.#ended ??= why;
    this.#controller.abort();
  }
}

/** Tells the events of a stream until its `[DONE]`. Rejects when it is cut or given up. */
async function tellEvents(
  body: AsyncIterable<Uint8Array>,
  onEvent: (data: string) => void,
  bytes_max: number,
  limit: CallLimit,
  state: CallState,
): Promise<"done" | "too_large" | "ended"> {
  const parser = new SseParser(bytes_max);
  let bytes = 0;
  let done = false;
  try {
    for await (const chunk of body) {
      if (done) continue;
      limit.alive();
      bytes += chunk.length;
      for (const { data } of parser.push(chunk)) {
        if (done) break;
        if (data === "[DONE]") done = true;
        else tell(onEvent, data, state);
      }
      if (done) limit.done();
      else if (parser.overflowed || bytes > bytes_max * STREAM_WRAPPING) return "too_large";
    }
  } catch (error) {
    // What happens to the connection after the last event changes nothing.
    if (!done) throw error;
  }
  return done ? "done" : "ended";
}

function tell(onEvent: (data: string) => void, data: string, state: CallState): void {
  try {
    onEvent(data);
  } catch (error) {
    state.listener_failed = { error };
    throw error;
  }
}

function isEventStream(content_type: string | string[] | undefined): boolean {
  return /^text\/event-stream\b/i.test(String(content_type ?? "").trim());
}

/** Errors that end a connection before anything is sent on it. */
const UNSENT = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"],
  "UND_ERR_CONNECT_TIMEOUT",
]);
const UNTRUSTED = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

function isUnsent(error: unknown): boolean {
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  return syscall === "connect" || (typeof code === "string" && (UNSENT.has(code) || UNTRUSTED.test(code)));
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || String((error as { code?: unknown }).code ?? error.name);
}
