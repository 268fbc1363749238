/** The memory of inference while two hundred thousand jobs wait for it. */
import { setTimeout as sleep } from "node:timers/promises";
import { sample } from "../../support/processes.ts";
import { chatBody } from "../jobs.ts";
import type { Scenario } from "../scenario.ts";

const WAITING = 200_000;
const RESIDENT_MIB_MAX = 250;
const TIER = "small";

export const memory: Scenario = {
  name: "memory",
  summary: `resident memory of inference with ${WAITING} jobs waiting, calls of 500 ms`,
  seconds: 40,
  async run(bench) {
    const stack = await bench.start({ partitions: 4, tiers: { [TIER]: {} }, mock: { latency_ms: 500 } });
    const inference = stack.processes().filter(({ name }) => name === "inference");
    const idle = sample(inference).stop();
    const sampler = sample(inference);
    await stack.produce(WAITING, (at) => ({
      id: `memory-${at}`,
      tier: TIER,
      kind: "chat",
      body: chatBody(`memory-${at}`),
    }));
    const before = await stack.mock.stats();
    bench.say(`${WAITING} jobs are on the topic; watched for ${bench.seconds} s`);
    await sleep(bench.seconds * 1_000);
    const after = await stack.mock.stats();
    const mib = sampler.stop().get("inference")?.resident_mib_max ?? Number.NaN;
    const idle_mib = idle.get("inference")?.resident_mib_max ?? Number.NaN;
    return [
      {
        name: "resident memory of inference, highest",
        value: mib,
        unit: "MiB",
        target: { at_most: RESIDENT_MIB_MAX },
        beside: { name: "idle", value: idle_mib },
      },
      {
        name: "calls a second meanwhile",
        value: (after.billed_calls - before.billed_calls) / bench.seconds,
        unit: "/s",
      },
    ];
  },
};
