/** How a batch goes on: validating → running → (stopping → closing →) writing → its end. Each step is bounded and may be done again. */
import type { BatchJob, BatchSpec, BatchState } from "../../../libs/shared/jobs/batch.ts";
import type { JobDriver, StepEnd } from "../../../libs/shared/jobs/job.ts";
import { type BatchDeps, stepEnd } from "./deps.ts";
import { close, write } from "./finishing.ts";
import { isOverdue, run, stop, stopping } from "./running.ts";
import { validate } from "./validating.ts";

export function batchDriver(deps: BatchDeps): JobDriver<BatchSpec, BatchState> {
  return { step: (job, signal) => step(deps, job as BatchJob, signal) };
}

async function step(deps: BatchDeps, job: BatchJob, signal: AbortSignal): Promise<StepEnd<BatchState>> {
  const { state, cancel_ms } = job;
  const overdue = isOverdue(job, deps.clock.now_ms());
  switch (state.phase) {
    case "validating":
      // Nothing was asked yet, so there is nothing to write.
      if (cancel_ms !== undefined) return stepEnd(job, "cancelled", state);
      return overdue ? stepEnd(job, "expired", state) : validate(deps, job);
    case "running":
      if (cancel_ms !== undefined) return stop(deps, job, "cancelled");
      if (overdue) return stop(deps, job, "expired");
      return run(deps, job);
    case "stopping":
      if (cancel_ms !== undefined && !overdue && state.outcome !== "cancelled") return stop(deps, job, "cancelled");
      return stopping(deps, job);
    case "closing":
      return close(deps, job);
    case "writing":
      return write(deps, job, signal);
  }
}
