/** A hop as a span: each record that a handler is given gets one, and what the handler writes from the record's headers is its child. */

import type { Handler } from "../kafka/handler.ts";
import type { InRecord } from "../kafka/ports.ts";
import type { Log, LogFields } from "../log.ts";
import { errorCode } from "./error-code.ts";
import { failedAs } from "./failed-records.ts";
import type { Span } from "./span.ts";
import { contextOf, type LinkReason, linkOf, TRACE_LINK_HEADER, traceFields } from "./trace-context.ts";
import type { Opening, Tracing } from "./tracing.ts";

export type TracedHop = {
  readonly group: string;
  /** Records come back to this hop: its span is linked with the one before, which sent it away. */
  readonly comes_back?: Extract<LinkReason, "retry" | "deferral">;
  readonly log: Log;
};

/**
 * The handler itself where tracing is off. One that is tried again has a span a try: the earlier ones say why they failed.
 * A record that was sent once more (a redrive, a replay) begins a trace, linked with the one that it was in.
 */
export function traced(tracing: Tracing | undefined, hop: TracedHop, handler: Handler): Handler {
  if (tracing === undefined) return handler;
  return async (records, context) => {
    const spans: (Span | undefined)[] = [];
    const entered = records.map((record) => {
      const { record: own, span } = enter(tracing, hop, record);
      spans.push(span);
      return own;
    });
    try {
      await handler(entered, context);
      tell(hop, entered, spans, {}, "a record was handled");
    } catch (error) {
      const code = errorCode(error);
      for (const span of spans) span?.fail(code);
      for (const [at, record] of records.entries()) failedAs(record, entered[at] as InRecord);
      tell(hop, entered, spans, { code }, "a try of a record failed");
      throw error;
    } finally {
      for (const span of spans) tracing.end(span);
    }
  };
}

/** The record as its handler sees it: its headers name the hop's span. */
function enter(tracing: Tracing, hop: TracedHop, record: InRecord): { record: InRecord; span: Span | undefined } {
  const { headers } = record;
  const { headers: own, span } = tracing.begin({
    name: `process ${record.topic}`,
    kind: "consumer",
    ...comesFrom(hop, record),
    attributes: () => ({
      "messaging.system": "kafka",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": record.topic,
      "messaging.destination.partition.id": String(record.partition),
      "messaging.kafka.offset": record.offset,
      "messaging.consumer.group.name": hop.group,
      "messaging.message.body.size": record.value?.length ?? 0,
      "sluice.written_ms": record.timestamp_ms,
    }),
  });
  if (own === headers) return { record, span };
  const { [TRACE_LINK_HEADER]: _, tracestate: _tracestate, ...rest } = headers;
  return { record: { ...record, headers: { ...rest, ...own } }, span };
}

function comesFrom({ comes_back }: TracedHop, { headers }: InRecord): Pick<Opening, "parent" | "links"> {
  const link = linkOf(headers);
  if (link !== undefined) return { links: [link] };
  const before = comes_back === undefined ? undefined : contextOf(headers);
  if (before === undefined || comes_back === undefined) return { parent: headers };
  return { parent: headers, links: [{ context: before, reason: comes_back }] };
}

/** Joins log and trace, for those who look closely: a line a recorded hop. */
function tell(
  { log, group }: TracedHop,
  records: readonly InRecord[],
  spans: readonly (Span | undefined)[],
  fields: LogFields,
  message: string,
): void {
  for (const [at, { topic, partition, offset, headers }] of records.entries()) {
    if (spans[at] === undefined) continue;
    log.debug({ group, topic, partition, offset, ...fields, ...traceFields(headers) }, message);
  }
}
