/** Scenarios in which calls to models are what is wrong. */
import { startMockLlm } from "../../../tools/mock-llm/server.ts";
import { type AdviceScenario, chat } from "../scenario.ts";

const question = (id: string, index: number) => chat(id, `What is record ${index}?`);

export const slowEndpoint: AdviceScenario = {
  name: "slow-endpoint",
  what: "one of two endpoints takes 3 s instead of 50 ms, and is given every other call",
  expected: { stage: "inference.small", what: "slow_endpoint" },
  rate_per_s: 40,
  record: question,
  async prepare() {
    const slow = await startMockLlm({ latency_ms: 3_000 });
    return {
      options: {
        mock_args: ["--latency-ms", "50"],
        env: { SLOW_BASE_URL: `${slow.url}/v1` },
        settings: {
          endpoints: { slow: { base_url_env: "SLOW_BASE_URL" } },
          tiers: { small: { endpoint: ["default", "slow"], balancing: "round_robin", in_flight_max: 8 } },
        },
      },
      stop: () => slow.close(),
    };
  },
};

export const providerLimit: AdviceScenario = {
  name: "provider-limit",
  what: "the provider lets 120 requests a minute through and refuses the rest with 429",
  expected: { stage: "inference.small", what: "provider_limit" },
  rate_per_s: 40,
  record: question,
  prepare: () => ({ options: { mock_args: ["--latency-ms", "50", "--rpm", "120"] } }),
};

export const smallBatches: AdviceScenario = {
  name: "small-batches",
  what: "embeddings go one a call, 4 calls at once, 100 ms each",
  expected: { stage: "inference.embedding", what: "small_batches" },
  rate_per_s: 80,
  record: (id, index) => ({
    key: id,
    value: { id, tenant: "demo", body: { model: "auto", input: `record ${index}` } },
  }),
  prepare: () => ({
    options: {
      mock_args: ["--latency-ms", "100"],
      settings: { tiers: { embedding: { in_flight_max: 4, batching: { size_max: 1 } } } },
    },
  }),
};

export const undersizedPool: AdviceScenario = {
  name: "undersized-pool",
  what: "2 calls at once, of a provider that answers in 100 ms and would take more",
  expected: { stage: "inference.small", what: "undersized_pool" },
  rate_per_s: 45,
  record: question,
  prepare: () => ({
    options: { mock_args: ["--latency-ms", "100"], settings: { tiers: { small: { in_flight_max: 2 } } } },
  }),
};
