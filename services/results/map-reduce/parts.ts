/** What the steps of a map-reduce share: what they need, and the ways in which one may end. */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { JobsSettings } from "../../../libs/shared/config/gateway.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { Files } from "../../../libs/shared/files/file.ts";
import type { JobStatus, JobStore, StepEnd } from "../../../libs/shared/jobs/job.ts";
import type { Publisher } from "../../../libs/shared/kafka/ports.ts";
import type { MapReduceState } from "../../../libs/shared/map-reduce/job.ts";
import type { Bound } from "./bounds.ts";

export type MapReduceDeps = {
  readonly store: Pick<JobStore, "addItems" | "items" | "results" | "counts" | "retryItems">;
  readonly files: Files;
  readonly publisher: Publisher;
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly settings: JobsSettings;
  readonly bound: Bound;
  readonly clock: Clock;
};

export type End = StepEnd<MapReduceState>;

/** The job goes on, at once unless something is to be waited for. */
export function goesOn(state: MapReduceState, wake_ms = 0, status: JobStatus = "in_progress"): End {
  return { status, state, wake_ms };
}

/** It has ended; its state stays, so that it can go on after a retry. */
export function ends(status: JobStatus, state: MapReduceState): End {
  return { status, state, wake_ms: 0 };
}

export function fails(state: MapReduceState, code: string, message: string): End {
  return ends("failed", { ...state, error: { code, message } });
}
