/** Readers that take nothing of streams that are larger than all sockets between: cut off, nothing is kept for them, and they come back. */
import { sample } from "../../support/processes.ts";
import { drive } from "../driver.ts";
import { follow } from "../reader.ts";
import type { Script, Step } from "../script.ts";
import { type Scenario, TENANT } from "../stack.ts";
import { verdicts } from "./open.ts";

const READERS = 100;
const TOKENS = 256;
const TOKEN_BYTES = 64 * 1024;
const STALLED_MS_MAX = 2_000;
const STALL_MS = 4 * STALLED_MS_MAX;
const RESIDENT_MIB_MAX = 300;
const STEP_MS = 10;
const ID = "slow";

export const slow: Scenario = {
  name: "slow",
  summary: `${READERS} readers that stall, each before ${(TOKENS * TOKEN_BYTES) / 2 ** 20} MiB of tokens`,
  seconds: 30,
  async run(bench) {
    const stack = await bench.start({ streams: { stalled_ms_max: STALLED_MS_MAX } });
    const script = scriptOf();
    const options = { ...stack, tenant: TENANT, step_ms: STEP_MS, signal: bench.signal };
    await drive([script], options);
    bench.say(`${READERS} readers take nothing for ${STALL_MS} ms`);
    const sampler = sample([stack.gateway()]);
    const followed = await Promise.all(
      Array.from({ length: READERS }, () =>
        follow({ url: () => stack.eventsUrl(ID), headers: stack.headers, stall_ms: STALL_MS, signal: bench.signal }),
      ),
    );
    const resident_mib = sampler.stop().get("gateway")?.resident_mib_max ?? Number.NaN;
    const cut = followed.filter(({ connections }) => connections > 1).length;
    const whole_mib = (READERS * TOKENS * TOKEN_BYTES) / 2 ** 20;
    return [
      { name: "readers that were cut off", value: cut, unit: "", target: { at_least: READERS } },
      {
        name: "memory of the gateway",
        value: resident_mib,
        unit: "MiB",
        target: { at_most: RESIDENT_MIB_MAX },
        beside: { name: "what they had not taken", value: whole_mib },
      },
      ...verdicts(
        followed.map(() => script),
        followed,
      ),
    ];
  },
};

function scriptOf(): Script {
  const chunks = Array.from({ length: TOKENS }, (_, at) => JSON.stringify({ at, text: "x".repeat(TOKEN_BYTES) }));
  const steps: Step[] = [
    { kind: "state", state: { state: "admitted" } },
    { kind: "start", attempt: 1 },
    ...chunks.map((chunk) => ({ kind: "token", chunk }) as const),
    { kind: "token end" },
  ];
  const result = JSON.stringify({ id: ID, status: "succeeded" });
  return { id: ID, steps, result, states: ['{"state":"admitted"}'], tokens: ["attempt 1", ...chunks] };
}
