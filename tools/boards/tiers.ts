/** The board of models: do calls succeed, how fast are they, and what holds them back? Pure. */
import { type Board, quantiles, TIER } from "./panels.ts";

const OF = `{tier=~"$tier"}`;

export const TIERS: Board = {
  uid: "sluice-tiers",
  title: "Sluice: Tiers and endpoints",
  about: "Do calls of models succeed, how fast are they, and what holds them back? docs/observability.md",
  variables: [TIER],
  rows: [
    {
      title: "Calls",
      panels: [
        {
          title: "Calls by outcome",
          unit: "reqps",
          stack: true,
          queries: [
            [
              `sum by (tier, outcome) (rate(sluice_endpoint_calls_total${OF}[$__rate_interval]))`,
              "{{tier}} {{outcome}}",
            ],
          ],
        },
        {
          title: "Calls that failed or timed out, by endpoint",
          unit: "percentunit",
          max: 1,
          queries: [
            [
              `sum by (tier, endpoint) (rate(sluice_endpoint_calls_total{tier=~"$tier", outcome=~"error|timeout"}[$__rate_interval])) / (sum by (tier, endpoint) (rate(sluice_endpoint_calls_total${OF}[$__rate_interval])) > 0)`,
              "{{tier}} {{endpoint}}",
            ],
          ],
          bounds: [0.02, 0.05],
        },
        {
          title: "Attempts that did not succeed, by error",
          unit: "reqps",
          queries: [
            [
              `sum by (tier, outcome) (rate(sluice_model_calls_total{tier=~"$tier", outcome!="succeeded"}[$__rate_interval]))`,
              "{{tier}} {{outcome}}",
            ],
          ],
        },
        {
          title: "Calls a request took, in the mean",
          unit: "short",
          queries: [
            [
              `sum by (tier) (rate(sluice_attempts_sum${OF}[$__rate_interval])) / (sum by (tier) (rate(sluice_attempts_count${OF}[$__rate_interval])) > 0)`,
              "{{tier}}",
            ],
          ],
          bounds: [1.2, 1.5],
        },
        {
          title: "Jobs by what became of them",
          unit: "reqps",
          stack: true,
          queries: [[`sum by (tier, end) (rate(sluice_jobs_total${OF}[$__rate_interval]))`, "{{tier}} {{end}}"]],
        },
        {
          title: "Answers passed on, drafts judged",
          unit: "reqps",
          queries: [[`sum by (tier, end) (rate(sluice_hops_total${OF}[$__rate_interval]))`, "{{tier}} {{end}}"]],
        },
      ],
    },
    {
      title: "Speed",
      panels: [
        {
          title: "Time to first token",
          unit: "s",
          queries: quantiles("gen_ai_server_time_to_first_token_seconds", "tier", OF),
          bounds: [1, 3],
        },
        {
          title: "Time per output token",
          unit: "s",
          queries: quantiles("gen_ai_server_time_per_output_token_seconds", "tier", OF),
        },
        {
          title: "Duration of calls by model",
          unit: "s",
          queries: quantiles("gen_ai_client_operation_duration_seconds", "gen_ai_request_model", OF),
        },
        {
          title: "Tokens a second",
          unit: "short",
          queries: [
            [
              `sum by (tier, gen_ai_token_type) (rate(gen_ai_client_token_usage_sum${OF}[$__rate_interval]))`,
              "{{tier}} {{gen_ai_token_type}}",
            ],
          ],
        },
        {
          title: "Latency that balancing goes by",
          about: "A moving average that follows peaks at once; the slowest process's",
          unit: "s",
          queries: [[`max by (tier, endpoint) (sluice_endpoint_latency_seconds${OF})`, "{{tier}} {{endpoint}}"]],
        },
        {
          title: "Requests of one call, p50",
          unit: "short",
          queries: quantiles("sluice_batch_size", "tier", OF, [0.5]),
        },
      ],
    },
    {
      title: "What holds calls back",
      panels: [
        {
          title: "Waiting before a call, by what for",
          about: "Requests that wait at any moment, in the mean",
          unit: "short",
          stack: true,
          queries: [
            [`sum by (tier, reason) (rate(sluice_wait_seconds_sum${OF}[$__rate_interval]))`, "{{tier}} {{reason}}"],
          ],
        },
        {
          title: "Part of the time that the provider's limits take",
          about: "Above half, no worker helps",
          unit: "percentunit",
          max: 1,
          queries: [[`tier:sluice_provider_waits:ratio5m${OF}`, "{{tier}}"]],
          bounds: [0.25, 0.5],
        },
        {
          title: "Calls in flight, and the concurrency limit",
          unit: "short",
          queries: [
            [`sum by (tier, endpoint) (sluice_endpoint_in_flight${OF})`, "{{tier}} {{endpoint}}"],
            [`sum by (tier, endpoint) (sluice_endpoint_concurrency_limit${OF})`, "{{tier}} {{endpoint}}: limit"],
          ],
        },
        {
          title: "Health",
          about: "2 healthy, 1 degraded, 0 unhealthy; as the process with the worst view sees it",
          unit: "short",
          max: 2,
          queries: [[`min by (tier, endpoint) (sluice_endpoint_health${OF})`, "{{tier}} {{endpoint}}"]],
        },
        {
          title: "Processes whose breaker is not closed",
          unit: "short",
          queries: [[`sum by (tier, endpoint) (sluice_endpoint_breaker_open${OF})`, "{{tier}} {{endpoint}}"]],
        },
        {
          title: "At the provider's Batch API",
          unit: "short",
          queries: [[`sum by (tier, what) (sluice_batch_api_open${OF})`, "{{tier}} {{what}}"]],
        },
      ],
    },
  ],
};
