/** Server-sent events by fetch, since an EventSource cannot send a key: read, parsed, and gone on with after a break. */
import { ApiFailure, call } from "./api.ts";

export type ServerEvent = { readonly id: string | undefined; readonly event: string; readonly data: string };

const RETRY_MS_FIRST = 500;
const RETRY_MS_MAX = 10_000;
/** Of one event: what is longer is no event of ours. */
const CHARS_MAX = 16 * 1024 * 1024;

/**
 * Follows a stream until it has ended for good (204, or `on` returns `done`), or the signal is aborted.
 * @throws ApiFailure where the gateway refuses it.
 */
export async function follow(
  path: string,
  on: (event: ServerEvent) => "done" | undefined,
  signal: AbortSignal,
): Promise<void> {
  let last_id: string | undefined;
  let wait_ms = RETRY_MS_FIRST;
  while (!signal.aborted) {
    try {
      const headers = { accept: "text/event-stream", ...(last_id === undefined ? {} : { "last-event-id": last_id }) };
      const reply = await call(path, { signal, headers });
      if (reply.status === 204 || reply.body === null) return;
      for await (const event of eventsOf(reply.body)) {
        wait_ms = RETRY_MS_FIRST;
        last_id = event.id ?? last_id;
        if (on(event) === "done") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      const again = !(error instanceof ApiFailure) || error.status === 0 || error.status >= 500;
      if (!again) throw error;
    }
    await pause(wait_ms, signal);
    wait_ms = Math.min(wait_ms * 2, RETRY_MS_MAX);
  }
}

/** The fields that the HTML standard has ("Server-sent events", 9.2.6), but `retry`. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text = (text + value).replaceAll("\r\n", "\n");
      if (text.length > CHARS_MAX) throw new Error("an event is too large");
      let end = text.indexOf("\n\n");
      while (end >= 0) {
        const event = parseEvent(text.slice(0, end));
        text = text.slice(end + 2);
        if (event !== undefined) yield event;
        end = text.indexOf("\n\n");
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parseEvent(block: string): ServerEvent | undefined {
  let id: string | undefined;
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, name, value = ""] = /^([^:]+):? ?(.*)$/.exec(line) ?? [];
    if (name === "id") id = value;
    else if (name === "event") event = value;
    else if (name === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { id, event, data: data.join("\n") };
}

function pause(wait_ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, wait_ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
