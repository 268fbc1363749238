/** W3C trace context as it stands in headers: read, written, and what of it goes into log lines. Pure. */
import type { RecordHeaders } from "../kafka/ports.ts";

/** One span's place in a trace. */
export type TraceContext = {
  /** 32 hex digits. */
  readonly trace_id: string;
  /** 16 hex digits. */
  readonly span_id: string;
  readonly sampled: boolean;
  /** The vendors' own, passed on as it came. */
  readonly tracestate?: string;
};

export const TRACEPARENT_HEADER = "traceparent";
const TRACESTATE_HEADER = "tracestate";

/**
 * On a record that is sent once more: `<reason> <traceparent>` of the one that it was. Read by the hop that takes it up, which begins a
 * trace of its own and links it; no further hop has it.
 */
export const TRACE_LINK_HEADER = "sluice-trace-link";

/** Why a span is linked with one that is not its parent. */
export type LinkReason = "retry" | "deferral" | "redrive" | "replay" | "cache" | "batch";

const TRACESTATE_CHARS_MAX = 512;
/** Version 00, or a later one, whose first four fields are the same. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACEPARENT_CHARS_MAX = 128;

/** @returns undefined for what is no `traceparent`, of whatever version. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length > TRACEPARENT_CHARS_MAX) return undefined;
  const [, version, trace_id, span_id, flags, more] = TRACEPARENT.exec(text) ?? [];
  if (trace_id === undefined || span_id === undefined || (version === "00" && more !== undefined)) return undefined;
  return { trace_id, span_id, sampled: (Number.parseInt(flags ?? "0", 16) & 1) === 1 };
}

/** Of a record or an HTTP call. */
export function contextOf(headers: RecordHeaders): TraceContext | undefined {
  const context = parseTraceparent(headers[TRACEPARENT_HEADER]);
  const tracestate = headers[TRACESTATE_HEADER];
  if (context === undefined || tracestate === undefined || tracestate.length > TRACESTATE_CHARS_MAX) return context;
  return { ...context, tracestate };
}

export function traceparentOf({ trace_id, span_id, sampled }: TraceContext): string {
  return `00-${trace_id}-${span_id}-${sampled ? "01" : "00"}`;
}

export function contextHeaders(context: TraceContext): Record<string, string> {
  const headers: Record<string, string> = { [TRACEPARENT_HEADER]: traceparentOf(context) };
  if (context.tracestate !== undefined) headers[TRACESTATE_HEADER] = context.tracestate;
  return headers;
}

/** For a log line about a record; nothing where it is in no trace. */
export function traceFields(headers: RecordHeaders): { readonly trace_id?: string; readonly span_id?: string } {
  const context = parseTraceparent(headers[TRACEPARENT_HEADER]);
  return context === undefined ? {} : { trace_id: context.trace_id, span_id: context.span_id };
}

/** The header that names what a record is sent again for; nothing where that was in no trace. */
export function linkHeader(reason: LinkReason, headers: RecordHeaders): Record<string, string> {
  const traceparent = headers[TRACEPARENT_HEADER];
  return parseTraceparent(traceparent) === undefined ? {} : { [TRACE_LINK_HEADER]: `${reason} ${traceparent}` };
}

/** @returns undefined where there is none, or one that nobody here wrote. */
export function linkOf(
  headers: RecordHeaders,
): { readonly reason: "redrive" | "replay"; readonly context: TraceContext } | undefined {
  const [reason, traceparent, ...rest] = headers[TRACE_LINK_HEADER]?.split(" ") ?? [];
  const context = parseTraceparent(traceparent);
  if (context === undefined || rest.length > 0 || (reason !== "redrive" && reason !== "replay")) return undefined;
  return { reason, context };
}
