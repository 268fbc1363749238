/** The first board to look at: is anything late, does it fail, what does it cost? Pure. */
import { type Board, type Query, quantiles } from "./panels.ts";

const WORK = `group!~".+[.](retry[.].+|deferred|replay[.].+)", topic!~".+[.]batch"`;
const HITS = `sum(rate(sluice_cache_total{outcome=~"exact|semantic|coalesced"}[$__rate_interval]))`;

/** As the rules record them. */
function byLane(metric: string): Query[] {
  return ["p50", "p95", "p99"].map((quantile) => [`lane:${metric}:${quantile}`, `${quantile} {{lane}}`]);
}

export const OVERVIEW: Board = {
  uid: "sluice-overview",
  title: "Sluice: Overview",
  about: "Is anything late, does it fail, and what does it cost? docs/observability.md",
  variables: [],
  rows: [
    {
      title: "Now",
      height: 4,
      panels: [
        {
          title: "Alarms",
          kind: "stat",
          unit: "short",
          queries: [[`count(ALERTS{alertstate="firing", alertname=~"Sluice.+"}) or vector(0)`, "firing"]],
          bounds: [1, 5],
        },
        {
          title: "Results a second",
          kind: "stat",
          unit: "reqps",
          queries: [["sum(rate(sluice_request_seconds_count[$__rate_interval]))", "results"]],
        },
        {
          title: "Oldest unfinished",
          about: "Of records that are not meant to wait: retries, deferrals and the batch lane are left out",
          kind: "stat",
          unit: "s",
          queries: [[`max(sluice_oldest_unfinished_age_seconds{${WORK}})`, "age"]],
          bounds: [10, 60],
        },
        {
          title: "Interactive, p95",
          kind: "stat",
          unit: "s",
          queries: [[`lane:sluice_request_seconds:p95{lane="interactive"}`, "p95"]],
          bounds: [10, 30],
        },
        {
          title: "Failed",
          kind: "stat",
          unit: "percentunit",
          queries: [
            [
              `(sum(rate(sluice_request_seconds_count{status="failed"}[5m])) or vector(0)) / (sum(rate(sluice_request_seconds_count[5m])) > 0)`,
              "failed",
            ],
          ],
          bounds: [0.01, 0.05],
        },
        {
          title: "From the cache",
          kind: "stat",
          unit: "percentunit",
          queries: [["sluice:cache_hits:ratio5m", "hits"]],
        },
        {
          title: "Spend an hour",
          kind: "stat",
          unit: "currencyUSD",
          queries: [["3600 * sluice:spend_usd:rate1h", "spend"]],
        },
        {
          title: "Processes",
          kind: "stat",
          unit: "short",
          queries: [[`sum(up{job!="prometheus"})`, "up"]],
        },
      ],
    },
    {
      title: "Alarms that fire",
      height: 5,
      panels: [
        {
          title: "Alarms that fire",
          about: "What to do about each: docs/observability.md#alarms",
          kind: "table",
          unit: "short",
          queries: [[`ALERTS{alertstate="firing", alertname=~"Sluice.+"}`, ""]],
        },
      ],
    },
    {
      title: "Traffic",
      panels: [
        {
          title: "Requests by what admission said",
          unit: "reqps",
          stack: true,
          queries: [["sum by (outcome) (rate(sluice_ingest_requests_total[$__rate_interval]))", "{{outcome}}"]],
        },
        {
          title: "Results by status",
          unit: "reqps",
          stack: true,
          queries: [["sum by (status) (lane_status:sluice_requests:rate5m)", "{{status}}"]],
        },
        {
          title: "Answers by what the cache said",
          unit: "reqps",
          stack: true,
          queries: [["sum by (outcome) (rate(sluice_cache_total[$__rate_interval]))", "{{outcome}}"]],
        },
      ],
    },
    {
      title: "Latency: the whole, the provider, the pipeline",
      panels: [
        {
          title: "Whole time by lane",
          about: "From when a request was received until its result is published",
          unit: "s",
          queries: byLane("sluice_request_seconds"),
        },
        {
          title: "Calls of models",
          about: "The provider's part",
          unit: "s",
          queries: quantiles("gen_ai_client_operation_duration_seconds", "tier", "", [0.5, 0.95]),
        },
        {
          title: "The pipeline's own part by lane",
          about: "Neither a call nor a wait before one: reading, deciding, standing in topics, writing",
          unit: "s",
          queries: byLane("sluice_pipeline_overhead_seconds"),
          bounds: [0.25, 1],
        },
      ],
    },
    {
      title: "Late or waiting",
      panels: [
        {
          title: "Age of the oldest unfinished record",
          unit: "s",
          queries: [[`max by (group) (sluice_oldest_unfinished_age_seconds{${WORK}})`, "{{group}}"]],
          bounds: [10, 60],
        },
        {
          title: "Lag",
          about: "Records that are not done, as the members see it",
          unit: "short",
          queries: [["sum by (group) (sluice_lag_records)", "{{group}}"]],
        },
        {
          title: "Waiting, by what for",
          about: "Requests that wait at any moment, in the mean: seconds of waiting a second",
          unit: "short",
          queries: [["sum by (reason) (rate(sluice_wait_seconds_sum[$__rate_interval]))", "{{reason}}"]],
        },
      ],
    },
    {
      title: "Money and cache",
      panels: [
        {
          title: "Spend an hour by tier",
          unit: "currencyUSD",
          stack: true,
          queries: [["3600 * sum by (tier) (rate(sluice_spend_usd_total[$__rate_interval]))", "{{tier}}"]],
        },
        {
          title: "Part of the requests that the cache answers",
          unit: "percentunit",
          max: 1,
          queries: [[`${HITS} / (sum(rate(sluice_cache_total[$__rate_interval])) > 0)`, "hits"]],
        },
        {
          title: "Open streams",
          unit: "short",
          queries: [["sum by (of) (sluice_streams_open)", "{{of}}"]],
        },
      ],
    },
  ],
};
