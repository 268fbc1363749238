/** A provider of which three calls in ten go wrong: every request ends within its deadline, for few calls more than there are requests. */
import { systemClock } from "../../../libs/shared/clock.ts";
import { openLoop } from "../../support/load.ts";
import type { Figure } from "../../support/report.ts";
import { chatBody } from "../jobs.ts";
import { type Answered, openRequests } from "../requests.ts";
import type { Scenario } from "../scenario.ts";

const FAULT_RATE = 0.3;
const FAULTS = [429, 500, 503, "hang", "reset", "garbage"] as const;
/** Every tenth call is told by 429 or 503 to come back in a second, and the whole tier does as it is told. */
const RATE_PER_S = 5;
const DEADLINE_MS = 30_000;
/** For the way back of a result: an end is decided by the deadline, and told after it. */
const WORD_MS = 500;
/** So long after its deadline a result is given up for lost. */
const LOST_MS = 10_000;
const TIMEOUT_MS = 2_000;
const CALLS_MAX = 1.6;
/** Calls for one answer, when each is made again until it succeeds. */
const CALLS_IDEAL = 1 / (1 - FAULT_RATE);

export const faults: Scenario = {
  name: "faults",
  summary: `${FAULT_RATE * 100} % of the calls fail (${FAULTS.join(", ")}), ${RATE_PER_S} requests a second with deadlines of ${DEADLINE_MS / 1_000} s, through the whole pipeline`,
  seconds: 45,
  async run(bench) {
    const stack = await bench.start({
      partitions: 4,
      tiers: { small: { timeout_ms: TIMEOUT_MS } },
      mock: { latency_ms: 100, fault_rate: FAULT_RATE, faults: FAULTS },
      scale: {},
    });
    const requests = await openRequests(stack);
    const ends: { readonly deadline_ms: number; readonly answered: Answered | undefined }[] = [];
    bench.say(`${RATE_PER_S} requests a second for ${bench.seconds} s`);
    const load = await openLoop(RATE_PER_S, bench.seconds * 1_000, async (index) => {
      const deadline_ms = systemClock.now_ms() + DEADLINE_MS;
      const id = `faults-${index}`;
      const spec = { id, tenant: "demo", body: chatBody(id), deadline: new Date(deadline_ms).toISOString() };
      const answered = await requests.ask(spec, DEADLINE_MS + LOST_MS);
      ends.push({ deadline_ms, answered });
      return answered?.result.status === "succeeded";
    });
    const { calls } = await stack.mock.stats();
    const repeats = requests.repeats();
    await requests.close();
    const answered = ends.flatMap((end) => (end.answered === undefined ? [] : [{ ...end, answered: end.answered }]));
    const late_ms = answered.map(({ answered: { at_ms }, deadline_ms }) => at_ms - deadline_ms);
    const unsaid = answered.filter(({ answered: { result } }) => result.status !== "succeeded" && !result.error);
    const none = { at_most: 0 };
    return [
      { name: "requests", value: load.sent, unit: "" },
      {
        name: "without a result, with two, or an end without a word",
        value: ends.length - answered.length + repeats + unsaid.length,
        unit: "",
        target: none,
      },
      {
        name: "latest result after its deadline",
        value: Math.max(0, ...late_ms),
        unit: "ms",
        target: { at_most: WORD_MS },
      },
      {
        name: "calls a request",
        value: calls / load.sent,
        unit: "",
        target: { at_most: CALLS_MAX },
        beside: { name: "each again until it succeeds", value: CALLS_IDEAL },
      },
      { name: "succeeded", value: (100 * load.latencies_ms.length) / load.sent, unit: "%" },
      ...failures(answered.map((end) => end.answered)),
    ];
  },
};

/** What failed, by its stated error. */
function failures(answered: readonly Answered[]): Figure[] {
  const failed = answered.filter(({ result }) => result.status !== "succeeded");
  const byCode = Map.groupBy(failed, ({ result }) => `${result.status}: ${result.error?.code ?? "no word"}`);
  return [...byCode].map(([code, those]) => ({ name: code, value: those.length, unit: "" }));
}
