/** Spans out of OTLP's JSON, as a collector writes it: a request a line. Pure. */

export type ReceivedLink = { readonly trace_id: string; readonly span_id: string; readonly attributes: Values };
type Values = Readonly<Record<string, string | number | boolean | null>>;

export type ReceivedSpan = {
  /** `service.name` of its resource. */
  readonly service: string;
  readonly trace_id: string;
  readonly span_id: string;
  /** Empty of a trace's first one. */
  readonly parent_id: string;
  readonly name: string;
  /** OpenTelemetry's number: 2 server, 3 client, 5 consumer. */
  readonly kind: number;
  /** Nanoseconds since the epoch. */
  readonly start_ns: bigint;
  readonly end_ns: bigint;
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly trace_state: string;
  readonly attributes: Values;
  readonly events: readonly { readonly name: string; readonly attributes: Values }[];
  readonly links: readonly ReceivedLink[];
};

type Attribute = {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string | number;
    readonly doubleValue?: number;
    readonly boolValue?: boolean;
  };
};
type Raw = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly traceState?: string;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly Attribute[];
  readonly events?: readonly { readonly name: string; readonly attributes?: readonly Attribute[] }[];
  readonly links?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes?: readonly Attribute[];
  }[];
};
type Line = {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly Attribute[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly Raw[] }[];
  }[];
};

/** @param text whole lines; what is after the last line's end is still being written. */
export function spansIn(text: string): ReceivedSpan[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => (JSON.parse(line) as Line).resourceSpans ?? [])
    .flatMap(({ resource, scopeSpans = [] }) => {
      const service = String(valuesOf(resource?.attributes)["service.name"] ?? "");
      return scopeSpans.flatMap(({ spans = [] }) => spans).map((span) => received(service, span));
    });
}

function received(service: string, span: Raw): ReceivedSpan {
  return {
    service,
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_id: span.parentSpanId ?? "",
    name: span.name,
    kind: span.kind,
    start_ns: BigInt(span.startTimeUnixNano),
    end_ns: BigInt(span.endTimeUnixNano),
    status: span.status?.code ?? 0,
    trace_state: span.traceState ?? "",
    attributes: valuesOf(span.attributes),
    events: (span.events ?? []).map(({ name, attributes }) => ({ name, attributes: valuesOf(attributes) })),
    links: (span.links ?? []).map(({ traceId, spanId, attributes }) => ({
      trace_id: traceId,
      span_id: spanId,
      attributes: valuesOf(attributes),
    })),
  };
}

function valuesOf(attributes: readonly Attribute[] = []): Values {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const number = value.intValue ?? value.doubleValue;
      return [key, value.stringValue ?? value.boolValue ?? (number === undefined ? null : Number(number))];
    }),
  );
}
