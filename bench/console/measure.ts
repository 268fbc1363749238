/** The console under load and idle, and the pipeline with and without somebody who looks. */
import { setTimeout as sleep } from "node:timers/promises";
import { percentiles } from "../support/percentiles.ts";
import { sample } from "../support/processes.ts";
import type { BenchStack } from "../support/stack.ts";
import { startAsking } from "./asking.ts";
import type { Viewer } from "./browser.ts";
import { type ConsolePage, OVERVIEW } from "./pages.ts";

export type Times = { readonly cold_ms: readonly number[]; readonly warm_ms: readonly number[] };
/** By the page's name. */
export type Loads = ReadonlyMap<string, Times>;

export type CostRow = {
  readonly viewers: number;
  readonly requests: number;
  readonly failed: number;
  readonly latency_ms_p50: number;
  readonly latency_ms_p95: number;
  readonly cpu_ms_per_request: number;
  readonly gateway_cpu_ms_per_request: number;
  readonly parts_cpu_ms_per_request: number;
  /** Of the time of one core. */
  readonly browser_share: number;
};

const PARTS = ["kafka", "schema_registry", "redis", "postgres"];
const MOCK = "mock_llm";

/** Each page `rounds` times, the pages in turns so that nothing of one moment falls on one page. */
export async function loadPages(
  viewer: Viewer,
  pages: readonly ConsolePage[],
  rounds: number,
  signal: AbortSignal,
): Promise<Loads> {
  const loads = new Map(pages.map(({ name }) => [name, { cold_ms: [] as number[], warm_ms: [] as number[] }]));
  for (let round = 0; round < rounds; round += 1) {
    console.error(`bench: round ${round + 1} of ${rounds}`);
    for (const page of pages) {
      signal.throwIfAborted();
      const { cold_ms, warm_ms } = await viewer.load(page);
      loads.get(page.name)?.cold_ms.push(cold_ms);
      loads.get(page.name)?.warm_ms.push(warm_ms);
    }
  }
  return loads;
}

export type CostOptions = {
  readonly stack: BenchStack;
  readonly viewer: Viewer;
  readonly rate_per_s: number;
  readonly duration_ms: number;
  readonly signal: AbortSignal;
};

/** What the pipeline takes for a request while so many windows show the overview. The mock and the load are not counted. */
export async function costWith(viewers: number, options: CostOptions): Promise<CostRow> {
  const { stack, viewer, rate_per_s, duration_ms, signal } = options;
  const open = [];
  for (let at = 0; at < viewers; at += 1) open.push(await viewer.watch(OVERVIEW));
  try {
    const asking = startAsking(stack.gateway_url, stack.api_key, rate_per_s);
    const own = stack.processes().filter(({ name }) => name !== MOCK);
    const sampler = sample([...own, { name: "browser", pid: viewer.pid }]);
    await sleep(duration_ms, undefined, { signal });
    const used = sampler.stop();
    const { latencies_ms, failed, elapsed_ms } = await asking.stop();
    const per_request = (names: readonly string[]): number =>
      names.reduce((sum, name) => sum + (used.get(name)?.cpu_ms ?? 0), 0) / Math.max(1, latencies_ms.length);
    const { p50, p95 } = percentiles(latencies_ms);
    return {
      viewers,
      requests: latencies_ms.length,
      failed,
      latency_ms_p50: p50,
      latency_ms_p95: p95,
      cpu_ms_per_request: per_request(own.map(({ name }) => name)),
      gateway_cpu_ms_per_request: per_request(["gateway"]),
      parts_cpu_ms_per_request: per_request(PARTS),
      browser_share: (used.get("browser")?.cpu_ms ?? 0) / elapsed_ms,
    };
  } finally {
    for (const close of open) await close();
  }
}
