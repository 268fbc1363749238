/** A dead letter as its headers tell it. Pure. */
import { REDRIVES_HEADER } from "../events/headers.ts";
import type { InRecord, TopicPartition } from "../kafka/ports.ts";

/** Where a record stood before it became a dead letter. */
export type FirstPlace = TopicPartition & { readonly offset: number; readonly timestamp_ms: number };

export type DeadLetter = {
  /** As it is on `llm.dlq`: the original key and bytes. */
  readonly record: InRecord;
  /** On `llm.dlq`: `<partition>:<offset>`. */
  readonly place: string;
  /** When it was written there, epoch ms. */
  readonly at_ms: number;
  /** Of docs/errors.md; `unknown` where no service wrote it. */
  readonly code: string;
  readonly service: string;
  readonly message: string;
  /** Undefined where no service wrote it. */
  readonly original?: FirstPlace;
  /** How often its request was redriven before. */
  readonly redrives: number;
};

/** What somebody did with a dead letter. */
export type Handled = {
  readonly action: "redriven" | "dropped";
  /** Epoch ms. */
  readonly at_ms: number;
  readonly by: string;
  readonly why?: string;
  /** Of a redrive: its id, and where the record went. */
  readonly replay?: string;
  readonly target?: string;
};

export type LetterState = "waiting" | Handled["action"];

export function stateOf(handled: Handled | undefined): LetterState {
  return handled?.action ?? "waiting";
}

export function letterOf(record: InRecord): DeadLetter {
  const { headers } = record;
  const original = firstPlace(record);
  return {
    record,
    place: placeText(record),
    at_ms: record.timestamp_ms,
    code: headers["sluice-error-code"] ?? "unknown",
    service: headers["sluice-service"] ?? "unknown",
    message: headers["kafka_dlt-exception-message"] ?? "",
    ...(original === undefined ? {} : { original }),
    redrives: countOf(headers[REDRIVES_HEADER]),
  };
}

export type Place = { readonly partition: number; readonly offset: number };

function placeText({ partition, offset }: Place): string {
  return `${partition}:${offset}`;
}

/** @returns undefined for what is no `<partition>:<offset>`. */
export function parsePlace(text: string): Place | undefined {
  const [, partition, offset] = /^(\d{1,9}):(\d{1,15})$/.exec(text) ?? [];
  return partition === undefined || offset === undefined
    ? undefined
    : { partition: Number(partition), offset: Number(offset) };
}

function firstPlace({ headers, timestamp_ms }: InRecord): FirstPlace | undefined {
  const topic = headers["kafka_dlt-original-topic"];
  const partition = countOf(headers["kafka_dlt-original-partition"], -1);
  const offset = countOf(headers["kafka_dlt-original-offset"], -1);
  if (topic === undefined || topic === "" || partition < 0 || offset < 0) return undefined;
  return { topic, partition, offset, timestamp_ms: countOf(headers["kafka_dlt-original-timestamp"], timestamp_ms) };
}

function countOf(text: string | undefined, otherwise = 0): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : otherwise;
}
