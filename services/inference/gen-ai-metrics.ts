/**
 * Calls of models under OpenTelemetry's names (semantic conventions for generative AI, "Generative AI metrics"), as Prometheus writes
 * them: dots and units as underscores. Buckets are those that the conventions ask for.
 */
import { Histogram, type Registry } from "prom-client";
import type { CallMade } from "./sending.ts";

const DURATION_S = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power);
const FIRST_TOKEN_S = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const EACH_TOKEN_S = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

type Call = { gen_ai_operation_name: string; gen_ai_request_model: string; tier: string };

const CALL = ["gen_ai_operation_name", "gen_ai_request_model", "tier"] as const;

export class GenAiMetrics {
  readonly #duration: Histogram<(typeof CALL)[number] | "error_type">;
  readonly #tokens: Histogram<(typeof CALL)[number] | "gen_ai_token_type">;
  readonly #first_token: Histogram<(typeof CALL)[number]>;
  readonly #each_token: Histogram<(typeof CALL)[number]>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#duration = new Histogram({
      name: "gen_ai_client_operation_duration_seconds",
      help: "Duration of a model call; of one that failed, with its error",
      labelNames: [...CALL, "error_type"],
      buckets: DURATION_S,
      registers,
    });
    this.#tokens = new Histogram({
      name: "gen_ai_client_token_usage",
      help: "Tokens of a call, as the provider counted them",
      labelNames: [...CALL, "gen_ai_token_type"],
      buckets: TOKENS,
      registers,
    });
    this.#first_token = new Histogram({
      name: "gen_ai_server_time_to_first_token_seconds",
      help: "From when a streamed call was sent until its first token came",
      labelNames: CALL,
      buckets: FIRST_TOKEN_S,
      registers,
    });
    this.#each_token = new Histogram({
      name: "gen_ai_server_time_per_output_token_seconds",
      help: "Of a streamed call: the time for each token after the first",
      labelNames: CALL,
      buckets: EACH_TOKEN_S,
      registers,
    });
  }

  called(tier: string, { kind, model, outcome, latency_ms, first_token_ms, tokens }: CallMade): void {
    const call: Call = { gen_ai_operation_name: kind, gen_ai_request_model: model, tier };
    const failed = outcome === "succeeded" ? {} : { error_type: outcome };
    this.#duration.observe({ ...call, ...failed }, latency_ms / 1_000);
    if (tokens !== undefined) {
      this.#tokens.observe({ ...call, gen_ai_token_type: "input" }, tokens.input);
      if (kind === "chat") this.#tokens.observe({ ...call, gen_ai_token_type: "output" }, tokens.output);
    }
    if (first_token_ms === undefined) return;
    this.#first_token.observe(call, first_token_ms / 1_000);
    const after_first = (tokens?.output ?? 0) - 1;
    if (after_first > 0) this.#each_token.observe(call, (latency_ms - first_token_ms) / after_first / 1_000);
  }
}
