/** Batches: what was asked for, what their driver knows, and the object that OpenAI's clients see. Pure. */

import type { LinePlace } from "../files/lines.ts";
import { usdOf } from "../money.ts";
import { ENDED_STATUSES, type Job, type JobStatus, type NewJob, shownStatus } from "./job.ts";

export const BATCH_ENDPOINTS = ["/v1/chat/completions", "/v1/embeddings"] as const;
export type BatchEndpoint = (typeof BATCH_ENDPOINTS)[number];

export type BatchSpec = {
  readonly input_file_id: string;
  readonly endpoint: BatchEndpoint;
  /** As it was asked for: `24h`. */
  readonly completion_window: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Output files are removed so long after they were made. */
  readonly output_expires_after_s?: number;
  /** The batch whose lines that did not succeed are asked again. */
  readonly retry_of?: string;
};

/** What is wrong with the input file, as OpenAI's batches say it. */
export type BatchError = {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** From 1; null where it is about the file. */
  readonly line: number | null;
};

/** Told in full; of more only the number. */
export const BATCH_ERRORS_MAX = 100;

export type BatchUsage = {
  readonly input_tokens: number;
  readonly cached_tokens: number;
  readonly output_tokens: number;
  readonly reasoning_tokens: number;
};

/** How it ends, once that is known. */
export type BatchOutcome = "completed" | "expired" | "cancelled" | "failed";

export type BatchState = {
  /**
   * - `validating`: the file is read and each line checked.
   * - `running`: requests are written, and their results waited for.
   * - `stopping`: nothing more is written; those under way are told to end.
   * - `closing`: lines without a result are given up: what comes later is not theirs any more.
   * - `writing`: the output and the error file are written.
   */
  readonly phase: "validating" | "running" | "stopping" | "closing" | "writing";
  /** Where validation goes on in the file. */
  readonly next_line?: LinePlace;
  /** Where validation of a retry goes on in the batch before; later, the first item whose request was not written. */
  readonly next_item: number;
  /** Lines that are not blank. */
  readonly lines: number;
  readonly errors: readonly BatchError[];
  readonly errors_total: number;
  /** Lines whose requests were written, and how many more may be before results are counted again. */
  readonly written: number;
  readonly room: number;
  readonly completed: number;
  readonly failed: number;
  readonly cost_nusd: number;
  readonly usage: BatchUsage;
  readonly outcome?: BatchOutcome;
  /** How far those under way were told to end: the next item, and how many were. */
  readonly told_item?: number;
  readonly told?: number;
  readonly output_file_id?: string;
  readonly error_file_id?: string;
  readonly output_written?: boolean;
  /** When each phase began. */
  readonly in_progress_ms?: number;
  readonly stopping_ms?: number;
  readonly finalizing_ms?: number;
};

export type BatchJob = Job<BatchSpec, BatchState>;

function newBatchState(): BatchState {
  const usage = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };
  const none = { next_item: 0, lines: 0, written: 0, room: 0, completed: 0, failed: 0, cost_nusd: 0 };
  return { phase: "validating", ...none, errors: [], errors_total: 0, usage };
}

const WINDOW = /^([1-9]\d{0,4})([hm])$/;
const WINDOW_MS_MAX = 7 * 24 * 3_600_000;

/** `24h` as at OpenAI's, and any other number of hours or minutes up to a week. @returns undefined for anything else. */
export function windowMs(window: string): number | undefined {
  const [, count, unit] = WINDOW.exec(window) ?? [];
  if (count === undefined) return undefined;
  const window_ms = Number(count) * (unit === "h" ? 3_600_000 : 60_000);
  return window_ms <= WINDOW_MS_MAX ? window_ms : undefined;
}

export function newBatch(
  of: Pick<NewJob, "id" | "tenant" | "created_ms"> & { readonly key_id: string; readonly window_ms: number },
  spec: BatchSpec,
): NewJob<BatchSpec, BatchState> {
  const { window_ms, ...named } = of;
  return { ...named, kind: "batch", spec, state: newBatchState(), deadline_ms: of.created_ms + window_ms };
}

/** Whether its lines may be asked again: it has ended, and its lines were found good. */
export function isRetryableBatch({ status, state }: BatchJob): boolean {
  return ENDED_STATUSES.includes(status) && state.in_progress_ms !== undefined;
}

/** What moves while it runs: a part of the object below, for whoever follows it. */
export function batchProgress(job: Pick<BatchJob, "status" | "cancel_ms" | "state">): object {
  const { lines: total, completed, failed, cost_nusd } = job.state;
  return { status: shownStatus(job), request_counts: { total, completed, failed }, cost_usd: usdOf(cost_nusd) };
}

/** OpenAI's batch object. What only we have is under `sluice`. */
export function batchObject(job: BatchJob): object {
  const { id, spec, state, created_ms, deadline_ms, ended_ms, cancel_ms } = job;
  const status = shownStatus(job);
  const when = (of: JobStatus): number | null => (status === of ? seconds(ended_ms) : null);
  return {
    id,
    object: "batch",
    endpoint: spec.endpoint,
    errors: errorsOf(job),
    input_file_id: spec.input_file_id,
    completion_window: spec.completion_window,
    status,
    output_file_id: state.output_file_id ?? null,
    error_file_id: state.error_file_id ?? null,
    created_at: seconds(created_ms),
    in_progress_at: seconds(state.in_progress_ms),
    expires_at: seconds(deadline_ms),
    finalizing_at: seconds(state.finalizing_ms),
    completed_at: when("completed"),
    failed_at: when("failed"),
    expired_at: when("expired"),
    cancelling_at: seconds(cancel_ms),
    cancelled_at: when("cancelled"),
    request_counts: { total: state.lines, completed: state.completed, failed: state.failed },
    usage: usageObject(state.usage),
    metadata: spec.metadata ?? null,
    sluice: {
      cost_usd: usdOf(state.cost_nusd),
      written: state.written,
      ...(spec.retry_of === undefined ? {} : { retry_of: spec.retry_of }),
    },
  };
}

function seconds(at_ms: number | undefined): number | null {
  return at_ms === undefined ? null : Math.floor(at_ms / 1_000);
}

function errorsOf({ state, error }: BatchJob): object | null {
  const own = error === undefined ? [] : [{ ...error, param: null, line: null }];
  const data = [...state.errors, ...own];
  return data.length === 0 ? null : { object: "list", data, total: state.errors_total + own.length };
}

function usageObject({ input_tokens, cached_tokens, output_tokens, reasoning_tokens }: BatchUsage): object {
  return {
    input_tokens,
    input_tokens_details: { cached_tokens },
    output_tokens,
    output_tokens_details: { reasoning_tokens },
    total_tokens: input_tokens + output_tokens,
  };
}
