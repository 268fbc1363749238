/** Recorded runs that were made up. */
import { figuresOf, type RunRecord } from "../../../cli/load/record.ts";
import { Recorder } from "../../../cli/load/recorder.ts";
import { parseScenario, type Targets } from "../../../cli/load/scenario.ts";
import { Random } from "../../../tools/simulate/random.ts";

export type Made = {
  readonly seed: number;
  readonly steps?: number;
  /** All latencies times this. */
  readonly slower?: number;
  /** So large a share fails. */
  readonly failing?: number;
  readonly behind_ms?: number;
  readonly not_sent?: number;
  readonly targets?: Targets;
  readonly text?: string;
};

const START_MS = 1_700_000_000_000;
const PER_STEP = 50;

/** Requests by the topic, a second's fifty in each step; latencies are log-normal about 100 ms, and slow together. */
export function madeRun({
  seed,
  steps = 60,
  slower = 1,
  failing = 0,
  behind_ms = 0,
  not_sent = 0,
  targets = {},
  text,
}: Made): RunRecord {
  const random = new Random(seed);
  const recorder = new Recorder(START_MS, 1_000);
  for (let step = 0; step < steps; step += 1) {
    const together = 0.9 + 0.2 * random.next();
    for (let at = 0; at < PER_STEP; at += 1) {
      const due_ms = START_MS + step * 1_000 + (at * 1_000) / PER_STEP;
      recorder.sent(due_ms, due_ms + behind_ms);
      recorder.count("topic_sent");
      if (random.chance(failing)) {
        recorder.failed(due_ms, "provider_unavailable");
        continue;
      }
      const took_ms = slower * together * 100 * Math.exp(0.4 * (random.next() + random.next() + random.next() - 1.5));
      recorder.inPipeline(due_ms, { whole_ms: Math.round(took_ms), first_token_ms: undefined });
      recorder.answered(due_ms, due_ms + behind_ms, {
        text: "",
        ended_ms: due_ms + took_ms,
        cost_nusd: 1_000,
        prompt_tokens: 10,
        completion_tokens: 5,
        cache: "miss",
        tokens_per_s: undefined,
      });
    }
  }
  for (let count = 0; count < not_sent; count += 1) recorder.notSent(START_MS);
  const recorded = recorder.recorded();
  const file = `phases: [{ duration: ${steps}s, rate: ${PER_STEP} }]\ntemplates: [{ name: one }]`;
  return {
    format: 1,
    run: `load-made${seed}`,
    scenario: {
      name: "made",
      text: text ?? file,
      sha256: "00",
      as_run: { ...parseScenario(file, "made.yaml"), targets },
    },
    started_ms: START_MS,
    planned_ms: steps * 1_000,
    took_ms: steps * 1_000,
    was_stopped: false,
    workers: 1,
    target: { gateway: undefined, kafka: "127.0.0.1:9092", is_mock: true },
    fault_problems: 0,
    versions: { git: undefined, settings_sha256: "00", price_version: "1", tiers: { small: { models: ["m"] } } },
    machine: { cores: 2, cpu: "made up", memory_bytes: 2 ** 33, node: "v24.0.0", platform: "linux x64" },
    step_ms: 1_000,
    recorded,
    figures: figuresOf(recorded).percentiles(),
  };
}
