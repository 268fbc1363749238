/**
 * Spans of this process. The context is the headers: who opens a span gets headers that name it, and whoever finds these headers on a
 * record later (in this process or the next) is its child. So nothing is handed from function to function, and where tracing is off
 * there is no object at all.
 */
import type { RecordHeaders } from "../kafka/ports.ts";
import { isSampled, type Sampling } from "./sampling.ts";
import { type Attributes, Span, type SpanKind } from "./span.ts";
import {
  contextHeaders,
  contextOf,
  type LinkReason,
  parseTraceparent,
  TRACEPARENT_HEADER,
  type TraceContext,
} from "./trace-context.ts";

export type TracingOptions = {
  readonly sampling: Sampling;
  /** Epoch ms, with fractions. */
  readonly now_ms: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Told of each span that has ended. Must neither throw nor wait. */
  readonly ended: (span: Span) => void;
};

/** What is begun. */
export type Opening = {
  readonly name: string;
  readonly kind: SpanKind;
  /** Headers that may name the parent. Left out: a trace begins. */
  readonly parent?: RecordHeaders;
  /** Spans that it comes from beside, or instead of, its parent. */
  readonly links?: readonly { readonly context: TraceContext; readonly reason: LinkReason }[];
  /** Asked for sampled ones alone. */
  readonly attributes?: () => Attributes;
};

export type Opened = {
  /** For what is written on from here. The same object as the parent's where nothing is recorded and nothing changes. */
  readonly headers: RecordHeaders;
  /** Undefined where the trace is not sampled. */
  readonly span: Span | undefined;
};

export class Tracing {
  readonly #options: TracingOptions;
  /** By id: those that are open, so no more than there is work in flight. */
  readonly #open = new Map<string, Span>();

  constructor(options: TracingOptions) {
    this.#options = options;
  }

  /** Spans that are open. */
  get open(): number {
    return this.#open.size;
  }

  begin({ name, kind, parent: of = {}, links = [], attributes }: Opening): Opened {
    const parent = contextOf(of);
    const { sampling, now_ms } = this.#options;
    const trace_id = parent?.trace_id ?? this.#hex(4);
    const sampled = isSampled(sampling, parent, trace_id) || (parent === undefined && isLinkSampled(sampling, links));
    if (!sampled && parent?.sampled === false) return { headers: of, span: undefined };
    const span_id = this.#hex(2);
    const { tracestate } = parent ?? {};
    const context = { trace_id, span_id, sampled, ...(tracestate === undefined ? {} : { tracestate }) };
    const headers = contextHeaders(context);
    if (!sampled) return { headers, span: undefined };
    const span = new Span(name, kind, context, parent, now_ms());
    if (attributes !== undefined) span.set(attributes());
    for (const { context: linked, reason } of links) span.link(linked, reason);
    this.#open.set(span_id, span);
    return { headers, span };
  }

  /** The open span that these headers name. */
  spanOf(headers: RecordHeaders): Span | undefined {
    const context = parseTraceparent(headers[TRACEPARENT_HEADER]);
    return context?.sampled === true ? this.#open.get(context.span_id) : undefined;
  }

  end(span: Span | undefined): void {
    if (span === undefined || !this.#open.delete(span.context.span_id)) return;
    span.end_ms = Math.max(this.#options.now_ms(), span.start_ms);
    this.#options.ended(span);
  }

  /** @param words of 32 bits. Never all zeros, which is no id. */
  #hex(words: number): string {
    let text = "";
    for (let at = 0; at < words; at += 1) {
      text += Math.floor(this.#options.random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, "0");
    }
    return /^0+$/.test(text) ? text.replace(/.$/, "1") : text;
  }
}

/** A call for several is recorded where one of them is; what is run again, where the original was. */
function isLinkSampled({ by_parent }: Sampling, links: NonNullable<Opening["links"]>): boolean {
  return by_parent && links.some(({ context }) => context.sampled);
}
