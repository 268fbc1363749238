/** How many embeddings requests share a call, and whether each gets its own vector. */
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import type { JobSpec } from "../jobs.ts";
import type { Scenario } from "../scenario.ts";
import type { InferenceStack, Outcome } from "../stack.ts";
import { steadyRate } from "../windows.ts";

const TIER = "embedding";
const CALL_MS = 100;
const FEWER_MIN = 10;
/** Vectors short enough that the time goes into the work and not into printing numbers. */
const DIMENSIONS = 64;
const REQUESTS_PER_S = 1_000;
const SAMPLE = 300;
const QUIET_MS = 15_000;
const BATCH_MAX = 64;

export const embeddings: Scenario = {
  name: "embeddings",
  summary: `embeddings requests of one text, ${REQUESTS_PER_S} for each second asked for, calls of ${CALL_MS} ms`,
  seconds: 20,
  async run(bench) {
    const stack = await bench.start({ partitions: 4, tiers: { small: {} }, mock: { latency_ms: CALL_MS } });
    const count = REQUESTS_PER_S * bench.seconds;
    const outcomes = new Map<string, Outcome>();
    let repeats = 0;
    await stack.onOutcome((outcome) => {
      if (outcomes.has(outcome.head.id)) repeats += 1;
      outcomes.set(outcome.head.id, outcome);
    });
    bench.say(`${count} requests`);
    await stack.produce(count, jobAt);
    await allOf(count, outcomes);
    const { calls } = await stack.mock.stats();
    const good = [...outcomes.values()].filter(({ head }) => head.status === "succeeded");
    const times = good.map(({ head }) => head.timing.completed ?? 0);
    return [
      {
        name: "requests a call",
        value: good.length / calls,
        unit: "",
        target: { at_least: FEWER_MIN },
        beside: { name: "the largest batch", value: BATCH_MAX },
      },
      { name: "requests a second", value: steadyRate(times, 0, Number.POSITIVE_INFINITY, 1), unit: "/s" },
      {
        name: "requests that failed, are missing, or were answered twice",
        value: count - good.length + repeats,
        unit: "",
        target: { at_most: 0 },
      },
      {
        name: `wrong vectors of ${Math.min(SAMPLE, count)} compared with calls of their own`,
        value: await wrongVectors(stack, outcomes, count),
        unit: "",
        target: { at_most: 0 },
      },
    ];
  },
};

function textAt(at: number): string {
  return `text ${at}: partition ${at % 97} of topic ${at % 89}, offset ${at * 7}`;
}

function jobAt(at: number): JobSpec {
  return { id: `embedding-${at}`, tier: TIER, kind: "embeddings", body: { input: textAt(at), dimensions: DIMENSIONS } };
}

/** Until every request has its outcome, or for a while none came. */
async function allOf(count: number, outcomes: ReadonlyMap<string, unknown>): Promise<void> {
  let seen = -1;
  while (outcomes.size < count && outcomes.size > seen) {
    seen = outcomes.size;
    for (let waited_ms = 0; waited_ms < QUIET_MS && outcomes.size === seen; waited_ms += 100) await sleep(100);
  }
}

async function wrongVectors(
  { mock }: InferenceStack,
  outcomes: ReadonlyMap<string, Outcome>,
  count: number,
): Promise<number> {
  const step = Math.max(1, Math.floor(count / SAMPLE));
  const sampled = Array.from({ length: Math.min(SAMPLE, count) }, (_, at) => at * step);
  const wrong = await Promise.all(
    sampled.map(async (at) => {
      const { id, body } = jobAt(at);
      const answer = await request(`${mock.base_url}/embeddings`, {
        method: "POST",
        body: JSON.stringify({ ...body, model: TIER }),
      });
      const own = vectorOf(Buffer.from(await answer.body.arrayBuffer()));
      return vectorOf(outcomes.get(id)?.response) === own ? 0 : 1;
    }),
  );
  return wrong.reduce<number>((sum, one) => sum + one, 0);
}

/** As text, to be compared; what is no answer with one vector equals nothing. */
function vectorOf(response: Buffer | undefined): string {
  const { data } = JSON.parse(response?.toString() ?? "{}") as { data?: { embedding: unknown }[] };
  return data?.length === 1 ? JSON.stringify(data[0]?.embedding) : String(Symbol("no vector"));
}
