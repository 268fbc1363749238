/** Server-sent events as text (WHATWG HTML, section 9.2). Pure. */

export type ServerSentEvent = {
  /** What a reader comes back with as Last-Event-ID. No line ends in it. */
  readonly id?: string;
  /** Left out: `message`. */
  readonly event?: string;
  /** Any text: each of its lines becomes one of the event's, and a reader gets them back with a line feed between. */
  readonly data: string;
};

export const SSE_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // nginx and those like it would keep events until a buffer is full.
  "x-accel-buffering": "no",
} as const;

/** For readers, nothing; for whoever is on the way, a sign of life. Without an empty line: some readers take what it ends for an event. */
export const HEARTBEAT = ":\n";

const LINE_ENDS = /\r\n|\r|\n/g;

export function sseText({ id, event, data }: ServerSentEvent): string {
  const head = `${field("id", id)}${field("event", event)}`;
  // The usual data is one line of JSON.
  const lines = /[\r\n]/.test(data) ? data.replace(LINE_ENDS, "\ndata: ") : data;
  return `${head}data: ${lines}\n\n`;
}

/** How long a reader is to wait before it comes back. A line of the event after it: by itself some readers take it for one. */
export function sseRetry(retry_ms: number): string {
  return `retry: ${retry_ms}\n`;
}

function field(name: string, value: string | undefined): string {
  if (value === undefined) return "";
  // A line end would begin another field, and of an id with NUL readers take nothing.
  return `${name}: ${value.replaceAll(/[\r\n\0]/g, " ")}\n`;
}
