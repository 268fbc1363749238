/**
 * Spans to an OTLP receiver, by OpenTelemetry's own batching and exporter, which are imported when tracing is on and not before. A
 * receiver that is away costs spans, never work: what waits is bounded, and nobody waits for it but the drain, for a moment.
 */
import type { HrTime, SpanContext, TraceState } from "@opentelemetry/api";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Log } from "../log.ts";
import type { TracingSettings } from "./settings.ts";
import type { Span, SpanKind } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";

export type Exporting = {
  readonly ended: (span: Span) => void;
  /** Sends what waits, for a few seconds at the most. */
  close(): Promise<void>;
};

/** The end of a service does not wait longer for a receiver. */
const CLOSE_MS_MAX = 3_000;

export async function startExporting(
  settings: TracingSettings,
  /** Attributes of the service. */
  service: Readonly<Record<string, string>>,
  log: Log,
): Promise<Exporting> {
  const [{ BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-proto"),
    import("@opentelemetry/resources"),
  ]);
  const resource = resourceFromAttributes({
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "nodejs",
    ...settings.resource,
    ...service,
  });
  const scope = { name: "sluice" };
  const processor = new BatchSpanProcessor({
    exporter: telling(new OTLPTraceExporter(), log),
    maxQueueSize: settings.queue_max,
    maxExportBatchSize: settings.batch_max,
    scheduledDelayMillis: settings.batch_wait_ms,
    exportTimeoutMillis: settings.export_timeout_ms,
  });
  return {
    ended: (span) => processor.onEnd(readable(span, { resource, instrumentationScope: scope })),
    async close() {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, CLOSE_MS_MAX);
      await Promise.race([processor.shutdown().catch(() => undefined), late.promise]);
      clearTimeout(timer);
    },
  };
}

/** Says once when spans do not arrive, and once when they do again. */
function telling(exporter: SpanExporter, log: Log): SpanExporter {
  let lost = 0;
  return {
    export(spans, told) {
      exporter.export(spans, (result) => {
        if (result.code === 0) {
          if (lost > 0) log.info({ spans_lost: lost }, "spans arrive at the receiver again");
          lost = 0;
        } else {
          if (lost === 0) log.warn({ error: result.error }, "spans do not arrive at the receiver; they are dropped");
          lost += spans.length;
        }
        told(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush === undefined ? {} : { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
  };
}

/** OpenTelemetry's numbers. */
const KINDS: Readonly<Record<SpanKind, number>> = { server: 1, client: 2, consumer: 4 };
const STATUS_UNSET = 0;
const STATUS_ERROR = 2;

function readable(span: Span, common: Pick<ReadableSpan, "resource" | "instrumentationScope">): ReadableSpan {
  const { start_ms, end_ms = start_ms, parent, links_dropped } = span;
  const context = spanContext(span.context);
  return {
    ...common,
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => context,
    ...(parent === undefined ? {} : { parentSpanContext: spanContext(parent) }),
    startTime: hrTime(start_ms),
    endTime: hrTime(end_ms),
    duration: hrTime(end_ms - start_ms),
    status: span.error === undefined ? { code: STATUS_UNSET } : { code: STATUS_ERROR, message: span.error },
    attributes: span.attributes as ReadableSpan["attributes"],
    links: span.links.map(({ context: linked, attributes }) => ({
      context: spanContext(linked),
      attributes: attributes as ReadableSpan["attributes"],
    })),
    events: span.events.map(({ name, at_ms, attributes }) => ({
      name,
      time: hrTime(at_ms),
      attributes: attributes as ReadableSpan["attributes"],
    })),
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: links_dropped,
  };
}

function spanContext({ trace_id, span_id, sampled, tracestate }: TraceContext): SpanContext {
  const context = { traceId: trace_id, spanId: span_id, traceFlags: sampled ? 1 : 0 };
  return tracestate === undefined ? context : { ...context, traceState: stateOf(tracestate) };
}

/** The exporter only writes it out. */
function stateOf(text: string): TraceState {
  const state: TraceState = { get: () => undefined, set: () => state, unset: () => state, serialize: () => text };
  return state;
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1_000) * 1e6))];
}
