/** One, two and four inference processes over the same partitions, with calls that take their time: how near the rate comes to as many times one's. */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../libs/shared/clock.ts";
import type { Figure } from "../../support/report.ts";
import { chatBody } from "../jobs.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { steadyRate } from "../windows.ts";

const PROCESSES = [1, 2, 4] as const;
/** The same number for each process at every size. */
const PARTITIONS = 8;
/** Of each process: what bounds it is the backend, not this machine's cores. */
const IN_FLIGHT = 16;
const CALL_MS = 1_000;
const WARM_UP_MS = 10_000;
const LINEAR_MIN = 0.9;
const TIER = "small";

export const linear: Scenario = {
  name: "linear",
  summary: `${PROCESSES.join(", ")} processes of ${IN_FLIGHT} calls of ${CALL_MS} ms in flight over ${PARTITIONS} partitions: ratio to linear`,
  seconds: 30,
  async run(bench) {
    const figures: Figure[] = [];
    let one = 0;
    for (const processes of PROCESSES) {
      const { per_s, wrong } = await measure(bench, processes);
      if (processes === 1) one = per_s;
      const name = `${processes} ${processes === 1 ? "process" : "processes"}`;
      const ideal = { name: "ideal", value: (processes * IN_FLIGHT * 1_000) / CALL_MS };
      figures.push({ name: `${name}: calls a second`, value: per_s, unit: "/s", beside: ideal });
      if (processes > 1) {
        const ratio = one === 0 ? 0 : per_s / (processes * one);
        figures.push({ name: `${name}: ratio to linear`, value: ratio, unit: "", target: { at_least: LINEAR_MIN } });
      }
      figures.push({ name: `${name}: not succeeded, or a repeat`, value: wrong, unit: "", target: { at_most: 0 } });
    }
    return figures;
  },
};

/** On a Sluice of its own, so that no size begins with what another left. */
async function measure(bench: Bench, processes: number): Promise<{ per_s: number; wrong: number }> {
  const stack = await bench.start({
    partitions: PARTITIONS,
    tiers: { [TIER]: { in_flight_max: IN_FLIGHT } },
    mock: { latency_ms: CALL_MS },
    scale: { ingest: 0, router: 0, results: 0, inference: processes },
  });
  const ids: string[] = [];
  const times: number[] = [];
  let failed = 0;
  await stack.onOutcome(({ head }) => {
    ids.push(head.id);
    times.push(head.timing.completed ?? 0);
    if (head.status !== "succeeded") failed += 1;
  });
  const seconds = bench.seconds + (2 * WARM_UP_MS) / 1_000;
  // Twice what can be done: hashing does not give every partition the same, and none may run dry.
  const count = Math.ceil((2 * processes * IN_FLIGHT * 1_000 * seconds) / CALL_MS);
  await stack.produce(count, (at) => ({
    id: `linear-${at}`,
    tier: TIER,
    kind: "chat",
    body: chatBody(`linear-${at}`),
  }));
  const from_ms = systemClock.now_ms() + WARM_UP_MS;
  bench.say(`${processes} × ${IN_FLIGHT} calls in flight for ${bench.seconds} s`);
  await sleep(WARM_UP_MS + bench.seconds * 1_000);
  const per_s = steadyRate(times, from_ms, from_ms + bench.seconds * 1_000, processes * IN_FLIGHT);
  // The last one is stopped by whoever runs the scenario.
  if (processes !== PROCESSES.at(-1)) await stack.stop();
  return { per_s, wrong: failed + ids.length - new Set(ids).size };
}
