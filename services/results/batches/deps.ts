/** What the steps of a batch need, and small things that they share. */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { JobsSettings } from "../../../libs/shared/config/gateway.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { Files } from "../../../libs/shared/files/file.ts";
import {
  BATCH_ERRORS_MAX,
  type BatchError,
  type BatchJob,
  type BatchState,
  batchProgress,
} from "../../../libs/shared/jobs/batch.ts";
import type { JobStatus, JobStore, StepEnd, WaveCounts } from "../../../libs/shared/jobs/job.ts";
import type { Publisher } from "../../../libs/shared/kafka/ports.ts";

export type BatchDeps = {
  readonly store: JobStore;
  readonly files: Files;
  readonly publisher: Publisher;
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly settings: Pick<JobsSettings, "poll_ms" | "in_flight_max" | "chunk" | "batch">;
  readonly clock: Clock;
};

/** A batch has one wave. */
export const WAVE = 0;

/** The end of a step. Whoever follows is told where something that is shown has changed. */
export function stepEnd(job: BatchJob, status: JobStatus, state: BatchState, wake_ms = 0): StepEnd<BatchState> {
  const progress = batchProgress({ ...job, status, state });
  const same = JSON.stringify(progress) === JSON.stringify(batchProgress(job));
  return { status, state, wake_ms, ...(same ? {} : { progress }) };
}

/** With these errors beside those before: the first ones whole, of the others the number. */
export function withErrors(state: BatchState, errors: readonly BatchError[]): BatchState {
  const all = [...state.errors, ...errors].slice(0, BATCH_ERRORS_MAX);
  return { ...state, errors: all, errors_total: state.errors_total + errors.length };
}

export function fileGone(): BatchError {
  const message = "the input file is not there any more; upload it again and make a new batch";
  return { code: "input_file_missing", message, param: "input_file_id", line: null };
}

export function endedOf({ ended }: WaveCounts): number {
  return Object.values(ended).reduce((sum, count) => sum + count, 0);
}

/** The figures that are shown, as results say them. */
export function counted(state: BatchState, counts: WaveCounts): BatchState {
  const completed = counts.ended["succeeded"] ?? 0;
  return { ...state, completed, failed: endedOf(counts) - completed, cost_nusd: counts.cost_nusd };
}
