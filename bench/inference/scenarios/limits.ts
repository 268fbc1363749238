/** A tier's limits over three workers, as the provider sees them: never passed, and used. */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../libs/shared/clock.ts";
import type { TimelineStep } from "../../../tools/mock-llm/timeline.ts";
import type { Figure } from "../../support/report.ts";
import { amountBetween, busiestWindow } from "../../support/windows.ts";
import { chatBody, type JobSpec } from "../jobs.ts";
import type { Bench, Scenario } from "../scenario.ts";
import type { InferenceStack } from "../stack.ts";

const REQUESTS_PER_MINUTE = 600;
const TOKENS_PER_MINUTE = 100_000;
const MINUTE_MS = 60_000;
const WORKERS = 3;
/** Until the workers share the partitions and the buckets have found their pace. */
const WARM_UP_MS = 20_000;
const OVER_MAX = 1.01;
const USED_MIN = 0.95;

type Binding = "requests" | "tokens";

/** All four at once: what each asks of the mock is small, and each has a minute to show. */
const TIERS = (["assignment", "shared"] as const).flatMap((scope) =>
  (["requests", "tokens"] as const).map((binding) => ({ name: `${scope}-${binding}`, scope, binding })),
);

export const limits: Scenario = {
  name: "limits",
  summary: `${REQUESTS_PER_MINUTE} requests and ${TOKENS_PER_MINUTE} tokens a minute over ${WORKERS} workers and 8 partitions, either binding, in both scopes`,
  seconds: 90,
  async run(bench) {
    const stack = await bench.start({
      partitions: 8,
      tiers: Object.fromEntries(TIERS.map(({ name, scope }) => [name, { limits: limitsOf(scope) }])),
      mock: { latency_ms: 300 },
      scale: { ingest: 0, router: 0, results: 0, inference: WORKERS },
    });
    const minutes = (WARM_UP_MS + bench.seconds * 1_000) / MINUTE_MS + 1;
    for (const { name, binding } of TIERS)
      await stack.produce(Math.ceil(perMinute(binding) * minutes), jobOf(name, binding));
    const from_ms = systemClock.now_ms() + WARM_UP_MS;
    const to_ms = from_ms + bench.seconds * 1_000;
    bench.say(`four tiers at their limits for ${(to_ms - from_ms + WARM_UP_MS) / 1_000} s`);
    await sleep(to_ms - systemClock.now_ms());
    const figures = await Promise.all(TIERS.map((tier) => figuresOf(bench, stack, tier, from_ms, to_ms)));
    return figures.flat();
  },
};

function limitsOf(scope: "assignment" | "shared"): object {
  return { scope, requests_per_minute: REQUESTS_PER_MINUTE, tokens_per_minute: TOKENS_PER_MINUTE };
}

/** Small answers bind the requests; long ones, shorter than what they may use, the tokens. */
function jobOf(tier: string, binding: Binding): (at: number) => JobSpec {
  return (at) => {
    const id = `${tier}-${at}`;
    const mock_tokens = String(binding === "requests" ? 20 : 200 + (at % 9) * 50);
    const body = chatBody(id, { max_tokens: binding === "requests" ? 40 : 800, metadata: { mock_tokens } });
    return { id, tier, kind: "chat", body };
  };
}

/** What may go in a minute, by far more than will. */
function perMinute(binding: Binding): number {
  return binding === "requests" ? 1.2 * REQUESTS_PER_MINUTE : TOKENS_PER_MINUTE / 300;
}

async function figuresOf(
  { seconds }: Bench,
  stack: InferenceStack,
  { name, scope, binding }: (typeof TIERS)[number],
  from_ms: number,
  to_ms: number,
): Promise<readonly Figure[]> {
  const { steps } = await stack.mock.timeline(name);
  const label = `scope ${scope}, ${binding} binding`;
  const busiest = (what: Binding, limit: number): Figure => ({
    name: `${label}: ${what} in the busiest 60 s`,
    value: busiestWindow(amounts(steps, what), MINUTE_MS),
    unit: "",
    target: { at_most: OVER_MAX * limit },
    beside: { name: "limit", value: limit },
  });
  const limit = binding === "requests" ? REQUESTS_PER_MINUTE : TOKENS_PER_MINUTE;
  // Steps are whole tenths of a second.
  const used = amountBetween(amounts(steps, binding), from_ms, to_ms);
  return [
    busiest("requests", REQUESTS_PER_MINUTE),
    busiest("tokens", TOKENS_PER_MINUTE),
    {
      name: `${label}: ${binding} a minute`,
      value: (used * 60) / seconds,
      unit: "",
      target: { at_least: USED_MIN * limit },
      beside: { name: "limit", value: limit },
    },
  ];
}

function amounts(steps: readonly TimelineStep[], what: Binding) {
  return steps.map(({ at_ms, calls, tokens }) => ({ at_ms, amount: what === "requests" ? calls : tokens }));
}
