/** What single requests of one tenant wait while another tenant has twenty thousand of them in front. */
import { setTimeout as sleep } from "node:timers/promises";
import { percentiles } from "../../support/percentiles.ts";
import { chatBody } from "../jobs.ts";
import { openRequests, type Requests } from "../requests.ts";
import type { Bench, Scenario } from "../scenario.ts";

const FLOOD = 20_000;
const CHUNK = 1_000;
const CALL_MS = 500;
const WARM_UP_PROBES = 5;
const UNLOADED_PROBES = 10;
const BETWEEN_MS = 500;
const WAIT_MS_MAX = 60_000;
const RATIO_MAX = 3;

export const flood: Scenario = {
  name: "flood",
  summary: `single requests of one tenant while ${FLOOD} of another wait, calls of ${CALL_MS} ms, through the whole pipeline`,
  seconds: 40,
  async run(bench) {
    const stack = await bench.start({ partitions: 4, tiers: { small: {} }, mock: { latency_ms: CALL_MS }, scale: {} });
    const requests = await openRequests(stack);
    for (let at = 0; at < WARM_UP_PROBES; at += 1) await probe(requests, `warm-${at}`);
    const unloaded: number[] = [];
    for (let at = 0; at < UNLOADED_PROBES; at += 1) unloaded.push(await probe(requests, `unloaded-${at}`));
    bench.say(`unloaded: ${unloaded.map(Math.round).join(", ")} ms; now ${FLOOD} requests of another tenant`);
    for (let at = 0; at < FLOOD; at += CHUNK)
      await requests.send(Array.from({ length: CHUNK }, (_, one) => flooding(at + one)));
    const loaded = await probes(bench, requests);
    await requests.close();
    bench.say(`loaded: ${loaded.map(Math.round).join(", ")} ms`);
    const { p50: base } = percentiles(unloaded);
    const { p50, max } = percentiles(loaded);
    const beside = { name: "unloaded p50", value: base };
    const target = { at_most: RATIO_MAX * base };
    return [
      { name: "probes", value: loaded.length, unit: "" },
      { name: "loaded p50", value: p50, unit: "ms", target, beside },
      { name: "loaded max", value: max, unit: "ms", target, beside },
    ];
  },
};

/** One after the other, for as long as the scenario measures. */
async function probes({ seconds }: Bench, requests: Requests): Promise<number[]> {
  const until_ms = performance.now() + seconds * 1_000;
  const times: number[] = [];
  while (performance.now() < until_ms) {
    times.push(await probe(requests, `loaded-${times.length}`));
    await sleep(BETWEEN_MS);
  }
  return times;
}

/** @returns ms from the request to its result; `WAIT_MS_MAX` for one without. */
async function probe(requests: Requests, id: string): Promise<number> {
  const start_ms = performance.now();
  const answered = await requests.ask({ id, tenant: "demo", body: chatBody(id) }, WAIT_MS_MAX);
  return answered?.result.status === "succeeded" ? performance.now() - start_ms : WAIT_MS_MAX;
}

function flooding(at: number) {
  const id = `flood-${at}`;
  return { id, tenant: "flood", body: chatBody(id) };
}
