/** The board of what the services stand on: Redis, Postgres, Kafka, pools, and each process itself. Pure. */
import { type Board, quantiles } from "./panels.ts";

const EACH = "{{service}} {{instance}}";

export const PARTS: Board = {
  uid: "sluice-parts",
  title: "Sluice: Parts",
  about: "Is a part slow, a pool too small, or a process at its end? docs/observability.md",
  variables: [],
  rows: [
    {
      title: "Parts",
      panels: [
        {
          title: "How long calls take, p50",
          unit: "s",
          queries: quantiles("sluice_dependency_seconds", "dependency, operation", "", [0.5]),
        },
        {
          title: "How long calls take, p99",
          unit: "s",
          queries: quantiles("sluice_dependency_seconds", "dependency, operation", "", [0.99]),
          bounds: [0.05, 0.5],
        },
        {
          title: "Calls a second",
          unit: "ops",
          queries: [
            [
              "sum by (dependency, operation) (rate(sluice_dependency_seconds_count[$__rate_interval]))",
              "{{dependency}} {{operation}}",
            ],
          ],
        },
      ],
    },
    {
      title: "Pools",
      panels: [
        {
          title: "In use, of what there may be",
          unit: "percentunit",
          max: 1,
          queries: [["max by (service, pool) (sluice_pool_in_use / (sluice_pool_limit > 0))", "{{service}} {{pool}}"]],
          bounds: [0.8, 1],
        },
        {
          title: "Calls that wait for one",
          unit: "short",
          queries: [["sum by (service, pool) (sluice_pool_waiting)", "{{service}} {{pool}}"]],
        },
      ],
    },
    {
      title: "Processes",
      panels: [
        {
          title: "Event loop: part of the time at work",
          unit: "percentunit",
          max: 1,
          queries: [["rate(sluice_event_loop_busy_seconds_total[$__rate_interval])", EACH]],
          bounds: [0.7, 0.85],
        },
        { title: "Event loop: delay, p99", unit: "s", queries: [["nodejs_eventloop_lag_p99_seconds", EACH]] },
        {
          title: "CPU, in cores",
          unit: "short",
          queries: [["rate(process_cpu_seconds_total[$__rate_interval])", EACH]],
        },
        { title: "Resident memory", unit: "bytes", queries: [["process_resident_memory_bytes", EACH]] },
        { title: "Heap in use", unit: "bytes", queries: [["nodejs_heap_size_used_bytes", EACH]] },
        {
          title: "Garbage collection: part of the time",
          unit: "percentunit",
          queries: [["sum by (service, instance) (rate(nodejs_gc_duration_seconds_sum[$__rate_interval]))", EACH]],
          bounds: [0.05, 0.1],
        },
        {
          title: "Working on, of what they may",
          unit: "percentunit",
          max: 1,
          queries: [["sluice_in_flight / (sluice_in_flight_limit > 0)", EACH]],
          bounds: [0.8, 0.95],
        },
        { title: "Up since", unit: "s", queries: [["time() - process_start_time_seconds", EACH]] },
        {
          title: "Counters of budgets lost",
          about: "1 while they are lost or being restored",
          unit: "short",
          max: 1,
          queries: [["max(sluice_counters_lost)", "lost"]],
        },
      ],
    },
    {
      title: "The cache in routers",
      panels: [
        { title: "Entries", unit: "short", queries: [["sluice_cache_entries", "{{instance}}"]] },
        { title: "Answers in memory", unit: "bytes", queries: [["sluice_cache_local_bytes", "{{instance}}"]] },
        {
          title: "Entries that left, by why",
          unit: "ops",
          queries: [["sum by (why) (rate(sluice_cache_removed_total[$__rate_interval]))", "{{why}}"]],
        },
      ],
    },
    {
      title: "Results, jobs and webhooks",
      panels: [
        {
          title: "Outcomes by verdict",
          unit: "reqps",
          queries: [["sum by (verdict) (rate(sluice_results_total[$__rate_interval]))", "{{verdict}}"]],
        },
        {
          title: "Jobs under way, steps that failed",
          unit: "short",
          queries: [
            ["sum(sluice_jobs_running)", "under way"],
            [
              "sum by (kind, retryable) (increase(sluice_job_step_failures_total[$__rate_interval]))",
              "failed: {{kind}}, again {{retryable}}",
            ],
          ],
        },
        {
          title: "Webhooks by outcome",
          unit: "ops",
          queries: [["sum by (outcome) (rate(sluice_webhook_attempts_total[$__rate_interval]))", "{{outcome}}"]],
        },
      ],
    },
  ],
};
