/** Scenarios in which work is not shared out. */
import { type AdviceScenario, chat, wait } from "../scenario.ts";

const question = (id: string, index: number) => chat(id, `What is record ${index}?`);

export const tooFewPartitions: AdviceScenario = {
  name: "too-few-partitions",
  what: "two inference workers, and one partition to share",
  expected: { stage: "inference.small", what: "too_few_partitions" },
  rate_per_s: 50,
  record: question,
  prepare: () => ({
    options: {
      mock_args: ["--latency-ms", "200"],
      scale: { inference: 2 },
      settings: { topics: { overrides: { "jobs.small": { partitions: 1 } } }, tiers: { small: { in_flight_max: 4 } } },
    },
  }),
};

/** Of ten requests, how many are of the one session. */
const HOT_OF_TEN = 7;

export const skewedKey: AdviceScenario = {
  name: "skewed-key",
  what: "seven of ten requests are of one session, whose requests go one after another, 150 ms each",
  expected: { stage: "inference.small", what: "skewed_key" },
  rate_per_s: 40,
  record(id, index) {
    if (index % 10 >= HOT_OF_TEN) return question(id, index);
    return { ...chat(id, `What is record ${index}?`, { session: "hot" }), key: "hot" };
  },
  prepare: () => ({ options: { mock_args: ["--latency-ms", "150"] } }),
};

export const stalledConsumer: AdviceScenario = {
  name: "stalled-consumer",
  what: "one of two inference workers is stopped (SIGSTOP), and its session lasts",
  expected: { stage: "inference.small", what: "stalled_consumer" },
  rate_per_s: 40,
  settle_ms: 6_000,
  record: question,
  prepare: () => ({
    options: {
      mock_args: ["--latency-ms", "20"],
      scale: { inference: 2 },
      settings: { consumption: { session_timeout_ms: 45_000, drain_deadline_ms: 1_000 } },
    },
    async during(pipeline) {
      await wait(2_000);
      pipeline.processes.signal("inference-2", "SIGSTOP");
    },
    stop: (pipeline) => pipeline?.processes.signal("inference-2", "SIGCONT"),
  }),
};
