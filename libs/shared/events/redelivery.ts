/**
 * What becomes of a request when the attempts inside a process are used up: another round by way of `llm.retry.<delay>`, from where
 * ingest enters it again, or its end. Pure.
 *
 * A round waits for exactly its topic's delay, so that the records of a retry topic are due in the order they were written and
 * none stands in front of an earlier one. Where the provider asks for a longer wait, the request takes a topic with a longer delay.
 */
import type { RedeliverySettings } from "../config/inference.ts";
import type { InRecord, OutRecord, RecordHeaders } from "../kafka/ports.ts";
import { DUE_HEADER, REPLY_TO_HEADER, ROUND_HEADER, travellingHeaders, UNKNOWN_CALLS_HEADER } from "./headers.ts";
import type { TopicNames } from "./topics.ts";
import { withNote } from "./trail.ts";

export type RetryDelay = {
  /** As in the topic's name: `5s`, `1m`, `10m`. */
  readonly name: string;
  readonly delay_ms: number;
};

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Of `topics.retry_delays`, whose shape the settings' schema has checked. @throws RangeError on any other. */
export function parseDelay(name: string): RetryDelay {
  const [, count, unit] = /^([1-9][0-9]*)([smh])$/.exec(name) ?? [];
  const unit_ms = UNIT_MS[unit ?? ""];
  if (count === undefined || unit_ms === undefined) throw new RangeError(`"${name}" is no delay such as 5s, 1m or 2h`);
  return { name, delay_ms: Number(count) * unit_ms };
}

export type RedeliveryPolicy = {
  readonly rounds_max: number;
  /** From the request's arrival to its last entry. */
  readonly age_max_ms: number;
  /** At least one; the last one serves all further rounds. */
  readonly delays: readonly RetryDelay[];
};

export function redeliveryPolicy(settings: RedeliverySettings, retry_delays: readonly string[]): RedeliveryPolicy {
  return {
    rounds_max: settings.rounds_max,
    age_max_ms: settings.age_max_minutes * 60_000,
    delays: retry_delays.map(parseDelay),
  };
}

export type RedeliveryFacts = {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What the provider asks for. */
  readonly retry_after_ms?: number | undefined;
  /** Rounds that the request has behind it. */
  readonly round: number;
  /** Epoch ms of its arrival on `llm.requests`. */
  readonly received_ms: number;
  readonly deadline_ms?: number | undefined;
  /** Someone holds an HTTP connection for it: its own client retries sooner, or does something better than to wait. */
  readonly has_waiting_caller: boolean;
  readonly now_ms: number;
};

export type Redelivery =
  | {
      readonly kind: "retry";
      /** Of the retry topic. */
      readonly delay: string;
      /** Epoch ms. */
      readonly due_ms: number;
      /** Rounds behind it once it is entered again: 1 or more. */
      readonly round: number;
    }
  | { readonly kind: "final"; readonly why: "not_retryable" | "caller_waits" | "rounds" | "age" | "deadline" };

/** What inference knows of a job that failed, as facts. */
export function redeliveryFacts(
  headers: RecordHeaders,
  job: { readonly timing: { readonly received: number }; readonly deadline_ms?: number | undefined },
  failure: { readonly retryable: boolean; readonly retry_after_ms?: number | undefined },
  now_ms: number,
): RedeliveryFacts {
  return {
    retryable: failure.retryable,
    retry_after_ms: failure.retry_after_ms,
    round: roundOf(headers),
    received_ms: job.timing.received,
    deadline_ms: job.deadline_ms,
    has_waiting_caller: headers[REPLY_TO_HEADER] !== undefined,
    now_ms,
  };
}

export function decideRedelivery(policy: RedeliveryPolicy, facts: RedeliveryFacts): Redelivery {
  if (!facts.retryable) return { kind: "final", why: "not_retryable" };
  if (facts.has_waiting_caller) return { kind: "final", why: "caller_waits" };
  if (facts.round >= policy.rounds_max) return { kind: "final", why: "rounds" };
  const { name, delay_ms } = delayOf(policy.delays, facts.round, facts.retry_after_ms ?? 0);
  const due_ms = facts.now_ms + delay_ms;
  if (due_ms - facts.received_ms > policy.age_max_ms) return { kind: "final", why: "age" };
  if (facts.deadline_ms !== undefined && due_ms >= facts.deadline_ms) return { kind: "final", why: "deadline" };
  return { kind: "retry", delay: name, due_ms, round: facts.round + 1 };
}

/** The round's own delay, or the next in the list that is no shorter than what was asked for, else the last. */
function delayOf(delays: readonly RetryDelay[], round: number, asked_ms: number): RetryDelay {
  const last = delays.length - 1;
  for (let at = Math.min(round, last); at < last; at += 1) {
    const delay = delays[at] as RetryDelay;
    if (delay.delay_ms >= asked_ms) return delay;
  }
  return delays[last] as RetryDelay;
}

/**
 * The record that comes back by way of ingest.
 * @param request the request's JSON as it came (what a job carries as `request`).
 * @param code why, for whoever looks at the topic.
 */
export function retryRecord(
  names: TopicNames,
  record: Pick<InRecord, "key" | "headers">,
  request: Buffer,
  { delay, due_ms, round }: Extract<Redelivery, { kind: "retry" }>,
  code: string,
): OutRecord {
  const headers = {
    ...withNote(travellingHeaders(record.headers), `retry:${code}`),
    [ROUND_HEADER]: String(round),
    [DUE_HEADER]: String(due_ms),
    "sluice-error-code": code,
  };
  return { topic: names.retry(delay), key: record.key, value: request, headers };
}

/** The record that goes back, with what its rounds may have cost so far: whoever ends the request then gives nothing of it back (I4). */
export function withUnknownCalls(record: OutRecord, unknown_calls: number): OutRecord {
  const known = unknownCallsOf(record.headers ?? {});
  if (unknown_calls <= known) return record;
  return { ...record, headers: { ...record.headers, [UNKNOWN_CALLS_HEADER]: String(unknown_calls) } };
}

/** Of the rounds that a request has behind it; 0 where the header says nothing that makes sense. */
export function unknownCallsOf(headers: RecordHeaders): number {
  return wholeNumber(headers[UNKNOWN_CALLS_HEADER]) ?? 0;
}

/** 0 where the header says nothing that makes sense. */
export function roundOf(headers: RecordHeaders): number {
  return wholeNumber(headers[ROUND_HEADER]) ?? 0;
}

/** Epoch ms; undefined where the header says nothing that makes sense. */
export function dueOf(headers: RecordHeaders): number | undefined {
  return wholeNumber(headers[DUE_HEADER]);
}

function wholeNumber(text: string | undefined): number | undefined {
  const value = /^\d{1,16}$/.test(text ?? "") ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
