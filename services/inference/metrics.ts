/** Inference's metrics; docs/operations.md says what each means. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { waitHistogram } from "../../libs/shared/metrics/waits.ts";
import { usdOf } from "../../libs/shared/money.ts";
import type { Waits } from "./backend.ts";
import type { EndpointPool } from "./endpoints/pool.ts";
import { GenAiMetrics } from "./gen-ai-metrics.ts";
import type { CallMade } from "./sending.ts";

/** What a call says of its endpoint: `ok` is every answer, also one that refuses the request itself. */
export function endpointOutcome({ end, outcome }: Pick<CallMade, "end" | "outcome">): string {
  if (end === "answered") return "ok";
  if (end === "overloaded") return "throttled";
  if (end === "failed") return outcome === "provider_timeout" ? "timeout" : "error";
  return end;
}

const HEALTH_VALUES = { healthy: 2, degraded: 1, unhealthy: 0 } as const;

export class InferenceMetrics {
  readonly #registers: Registry[];
  readonly #calls: Counter<"tier" | "outcome">;
  readonly #gen_ai: GenAiMetrics;
  readonly #endpoint_calls: Counter<"tier" | "endpoint" | "outcome">;
  readonly #prompts: Histogram<"tier">;
  readonly #waits: Histogram<"reason" | "tier">;
  readonly #jobs: Counter<"tier" | "end">;
  readonly #hops: Counter<"tier" | "end">;
  readonly #unknown: Counter;
  readonly #duplicate: Counter;
  readonly #batches: Histogram<"tier">;
  readonly #dropped: Counter;
  readonly #batched: Counter<"tier" | "outcome">;
  readonly #batch_api = new Map<string, () => { readonly batches: number; readonly members: number }>();

  constructor(registry: Registry) {
    this.#registers = [registry];
    const registers = this.#registers;
    this.#calls = new Counter({
      name: "sluice_model_calls_total",
      help: "Calls made to a model, by how they ended",
      labelNames: ["tier", "outcome"],
      registers,
    });
    this.#gen_ai = new GenAiMetrics(registry);
    this.#endpoint_calls = new Counter({
      name: "sluice_endpoint_calls_total",
      help: "Calls by endpoint and by what they said of it",
      labelNames: ["tier", "endpoint", "outcome"],
      registers,
    });
    this.#prompts = new Histogram({
      name: "sluice_prompt_tokens_ratio",
      help: "Prompt tokens that the provider counted, over the estimate made before the call",
      labelNames: ["tier"],
      buckets: [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 4],
      registers,
    });
    this.#waits = waitHistogram(registry);
    this.#jobs = new Counter({
      name: "sluice_jobs_total",
      help: "Jobs by what became of them",
      labelNames: ["tier", "end"],
      registers,
    });
    this.#hops = new Counter({
      name: "sluice_hops_total",
      help: "Answers that went to another tier or came from one, by why",
      labelNames: ["tier", "end"],
      registers,
    });
    this.#unknown = new Counter({
      name: "sluice_unknown_calls_total",
      help: "Model calls whose answers were lost with a worker or a connection",
      registers,
    });
    this.#duplicate = new Counter({
      name: "sluice_duplicate_spend_usd_total",
      help: "US dollars that calls with unknown answers may have cost beside the call that was answered",
      registers,
    });
    this.#batches = new Histogram({
      name: "sluice_batch_size",
      help: "Requests sent together",
      labelNames: ["tier"],
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    });
    this.#dropped = new Counter({
      name: "sluice_token_events_dropped_total",
      help: "Events of token streams that were not written, because Redis was away or slow",
      registers,
    });
    this.#batched = new Counter({
      name: "sluice_batch_api_requests_total",
      help: "Requests sent by a provider's Batch API, by how they came back",
      labelNames: ["tier", "outcome"],
      registers,
    });
    const open = this.#batch_api;
    new Gauge({
      name: "sluice_batch_api_open",
      help: "Batches at the provider, and requests gathered for them or within them",
      labelNames: ["tier", "what"],
      registers,
      collect() {
        for (const [tier, read] of open) {
          const { batches, members } = read();
          this.set({ tier, what: "batches" }, batches);
          this.set({ tier, what: "requests" }, members);
        }
      },
    });
  }

  called(tier: string, call: CallMade): void {
    const { outcome, endpoint, prompt_tokens } = call;
    this.#calls.inc({ tier, outcome });
    this.#endpoint_calls.inc({ tier, endpoint, outcome: endpointOutcome(call) });
    this.#gen_ai.called(tier, call);
    if (prompt_tokens !== undefined) {
      this.#prompts.observe({ tier }, prompt_tokens.given / Math.max(1, prompt_tokens.estimated));
    }
  }

  jobEnded(tier: string, end: string, waited_ms: Waits): void {
    this.#jobs.inc({ tier, end });
    for (const [reason, ms] of Object.entries(waited_ms)) this.#waits.observe({ reason, tier }, ms / 1_000);
  }

  hopped(tier: string, end: string): void {
    this.#hops.inc({ tier, end });
  }

  unknown({ unknown_calls, duplicate_nusd }: { unknown_calls: number; duplicate_nusd: number }): void {
    this.#unknown.inc(unknown_calls);
    this.#duplicate.inc(usdOf(duplicate_nusd));
  }

  batched(tier: string, size: number): void {
    this.#batches.observe({ tier }, size);
  }

  tokenEventsDropped(events: number): void {
    this.#dropped.inc(events);
  }

  batchApiEnded(tier: string, outcome: string): void {
    this.#batched.inc({ tier, outcome });
  }

  observeBatchApi(tier: string, open: () => { readonly batches: number; readonly members: number }): void {
    this.#batch_api.set(tier, open);
  }

  /** Gauges of every tier's endpoints. */
  observePools(pools: ReadonlyMap<string, EndpointPool>): void {
    const gauge = (
      name: string,
      help: string,
      read: (view: ReturnType<EndpointPool["views"]>[number]) => number | undefined,
    ): void => {
      new Gauge({
        name,
        help,
        labelNames: ["tier", "endpoint"],
        registers: this.#registers,
        collect() {
          this.reset();
          for (const [tier, pool] of pools) {
            for (const view of pool.views()) {
              const value = read(view);
              if (value !== undefined) this.set({ tier, endpoint: view.name }, value);
            }
          }
        },
      });
    };
    gauge("sluice_endpoint_health", "2 healthy, 1 degraded, 0 unhealthy", ({ health }) => HEALTH_VALUES[health]);
    gauge("sluice_endpoint_breaker_open", "1 while the circuit breaker is not closed", ({ breaker }) =>
      breaker === "closed" ? 0 : 1,
    );
    gauge("sluice_endpoint_in_flight", "Calls in flight to the endpoint", ({ in_flight }) => in_flight);
    gauge("sluice_endpoint_concurrency_limit", "Calls in flight that the endpoint bears", ({ limit }) => limit);
    gauge("sluice_endpoint_latency_seconds", "Peak moving average of the endpoint's latency", ({ ewma_ms }) =>
      ewma_ms === undefined ? undefined : ewma_ms / 1_000,
    );
  }
}
