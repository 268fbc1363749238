/** One recorded span. Only sampled traces have any; what is known of a span is set while it is open. */
import type { LinkReason, TraceContext } from "./trace-context.ts";

/** Never a prompt, an answer, a key or an error's words: ids, names, counts and codes. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export type SpanKind = "server" | "client" | "consumer";

export type SpanLink = { readonly context: TraceContext; readonly attributes: Attributes };
export type SpanEvent = { readonly name: string; readonly at_ms: number; readonly attributes: Attributes };

/** As OpenTelemetry's own default. */
const LINKS_MAX = 128;

export class Span {
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: TraceContext;
  /** The span that it belongs to; undefined of a trace's first one. */
  readonly parent: TraceContext | undefined;
  /** Epoch ms, with fractions. */
  readonly start_ms: number;
  readonly attributes: Record<string, string | number | boolean | readonly string[]> = {};
  readonly links: SpanLink[] = [];
  readonly events: SpanEvent[] = [];
  /** Links beyond the bound. */
  links_dropped = 0;
  end_ms: number | undefined;
  /** A code, where it failed. */
  error: string | undefined;

  constructor(name: string, kind: SpanKind, context: TraceContext, parent: TraceContext | undefined, start_ms: number) {
    this.name = name;
    this.kind = kind;
    this.context = context;
    this.parent = parent;
    this.start_ms = start_ms;
  }

  set(attributes: Attributes): this {
    for (const name in attributes) {
      const value = attributes[name];
      if (value !== undefined) this.attributes[name] = value;
    }
    return this;
  }

  link(context: TraceContext, reason: LinkReason): this {
    if (this.links.length >= LINKS_MAX) this.links_dropped += 1;
    else this.links.push({ context, attributes: { "sluice.link.reason": reason } });
    return this;
  }

  /** @param at_ms epoch ms; what is before the span's start counts as that. */
  event(name: string, at_ms: number, attributes: Attributes = {}): this {
    this.events.push({ name, at_ms: Math.max(at_ms, this.start_ms), attributes });
    return this;
  }

  /** @param code what went wrong, of a closed set: it becomes `error.type`. */
  fail(code: string): this {
    this.error = code;
    return this.set({ "error.type": code });
  }
}
