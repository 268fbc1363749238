/** A client that follows one request over HTTP until its end, and comes back with Last-Event-ID whenever it is cut off. */
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type ReadEvent, SseReader } from "./sse-reader.ts";

export type ReaderOptions = {
  /** Of the events; asked before each connection. */
  readonly url: () => string;
  readonly headers: Readonly<Record<string, string>>;
  /** Each event; false breaks the connection off right after it. */
  readonly got?: (event: ReadEvent, connection: number) => boolean;
  /** Takes nothing from its first connection for so long. */
  readonly stall_ms?: number;
  /** Told of each connection that is a stream. */
  readonly opened?: () => void;
  /** Waits before it comes back; default: as long as the server said. */
  readonly retry_ms?: number;
  readonly signal: AbortSignal;
};

export type Followed = {
  readonly events: readonly ReadEvent[];
  readonly connections: number;
  /** Answers other than a stream: while the gateway is away or full. */
  readonly refused: number;
  /** What it got when it came back after the end. */
  readonly status_after_end: number;
};

const RETRY_MS = 1_000;

export async function follow(options: ReaderOptions): Promise<Followed> {
  const events: ReadEvent[] = [];
  let connections = 0;
  let refused = 0;
  for (;;) {
    options.signal.throwIfAborted();
    const { status, retry_ms } = await connect(options, events, connections);
    const has_ended = events.at(-1)?.event === "ended";
    if (status === 204) return { events, connections, refused, status_after_end: status };
    if (status === 200) connections += 1;
    else if (has_ended && status !== undefined) return { events, connections, refused, status_after_end: status };
    else refused += 1;
    await sleep(has_ended ? 0 : (options.retry_ms ?? retry_ms ?? RETRY_MS), undefined, { signal: options.signal });
  }
}

type Ended = { readonly status?: number; readonly retry_ms?: number | undefined };

/** One connection, until it ends. Adds what came. */
function connect(options: ReaderOptions, events: ReadEvent[], connection: number): Promise<Ended> {
  const { url, headers, got = () => true, signal } = options;
  const last = events.at(-1)?.id;
  return new Promise((resolve) => {
    const request: ClientRequest = get(url(), {
      headers: { ...headers, accept: "text/event-stream", ...(last === undefined ? {} : { "last-event-id": last }) },
      agent: false,
      signal,
    });
    request.on("error", () => resolve({}));
    request.on("response", (response: IncomingMessage) => {
      const status = response.statusCode ?? 0;
      const reader = new SseReader();
      if (status === 200) options.opened?.();
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        if (status !== 200) return;
        for (const event of reader.take(text)) {
          if (request.destroyed) return;
          events.push(event);
          if (!got(event, connection)) request.destroy();
        }
      });
      if (connection === 0 && options.stall_ms !== undefined) stall(response, options.stall_ms);
      response.on("error", () => undefined);
      response.on("close", () => resolve({ status, retry_ms: reader.retry_ms }));
    });
  });
}

function stall(response: IncomingMessage, stall_ms: number): void {
  response.pause();
  setTimeout(() => response.resume(), stall_ms);
}
