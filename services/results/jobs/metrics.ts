/** What the runner of jobs does, as metrics. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { JobRunner, JobRunnerEvent } from "./runner.ts";

const STEP_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60];

/** `observe` is the runner's; `watch` is called once with the runner itself. */
export function jobMetrics(metrics: Registry): {
  readonly observe: (event: JobRunnerEvent) => void;
  readonly watch: (runner: JobRunner) => void;
} {
  const registers = [metrics];
  const ended = new Counter({
    ...{ name: "sluice_jobs_ended_total", help: "Batches and map-reduces that came to their end", registers },
    labelNames: ["kind", "status"],
  });
  const failures = new Counter({
    ...{
      name: "sluice_job_step_failures_total",
      help: "Steps of jobs that failed, by whether a part was away",
      registers,
    },
    labelNames: ["kind", "retryable"],
  });
  const lost = new Counter({
    ...{ name: "sluice_job_leases_lost_total", help: "Steps whose job was another's when they ended", registers },
    labelNames: ["kind"],
  });
  const steps = new Histogram({
    ...{ name: "sluice_job_step_seconds", help: "How long steps of jobs take", registers },
    labelNames: ["kind"],
    buckets: STEP_SECONDS,
  });
  return {
    observe(event) {
      const { kind } = event;
      if (event.event === "step") steps.observe({ kind }, event.duration_ms / 1_000);
      if (event.event === "ended") ended.inc({ kind, status: event.status });
      if (event.event === "failed_step") failures.inc({ kind, retryable: String(event.retryable) });
      if (event.event === "lease_lost") lost.inc({ kind });
    },
    watch(runner) {
      new Gauge({
        ...{ name: "sluice_jobs_running", help: "Jobs that this process drives now", registers },
        collect() {
          this.set(runner.running);
        },
      });
    },
  };
}
