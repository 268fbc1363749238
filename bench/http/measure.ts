/** One contender under one load: unique questions over kept connections, each answer checked. */
import { Agent, request } from "undici";
import type { ProcessEntry } from "../../tools/stack/run-file.ts";
import { closedLoop } from "../support/load.ts";
import { type Percentiles, percentiles } from "../support/percentiles.ts";
import { sample } from "../support/processes.ts";
import type { Contender } from "./contenders.ts";

export type ProcessCost = {
  readonly process: string;
  readonly cpu_ms_per_request: number;
  readonly resident_mib: number;
};

export type Row = {
  readonly contender: Contender["name"];
  readonly connections: number;
  /** Right answers. */
  readonly requests: number;
  /** Other statuses, answers to another question, and connections that broke. */
  readonly errors: number;
  readonly per_s: number;
  readonly latency_ms: Percentiles;
  /** Of the contender's processes and the mock, without the load's. */
  readonly cpu_ms_per_request: number;
  readonly load_cpu_ms_per_request: number;
  readonly processes: readonly ProcessCost[];
};

export type Load = { readonly connections: number; readonly warm_up_ms: number; readonly duration_ms: number };

const MODEL = "gpt-4.1-mini";
/** A question of some length, as people ask. */
const CONTEXT = "Say in two sentences what a partition of a topic is, and why its order matters. ".repeat(4);

let asked = 0;

/** @param processes read after the warm-up, so that the pids are those of the measured part. */
export async function measure(
  contender: Contender,
  load: Load,
  processes: () => readonly ProcessEntry[],
): Promise<Row> {
  const dispatcher = new Agent({ connections: load.connections });
  const shot = (): Promise<boolean> => ask(contender, dispatcher);
  try {
    await closedLoop(load.connections, load.warm_up_ms, shot);
    const sampler = sample(processes());
    const before = process.cpuUsage();
    const { latencies_ms, failed, elapsed_ms } = await closedLoop(load.connections, load.duration_ms, shot);
    const own = process.cpuUsage(before);
    const each = 1 / Math.max(1, latencies_ms.length);
    const costs = [...sampler.stop()].map(([name, { cpu_ms, resident_mib_max }]) => ({
      process: name,
      cpu_ms_per_request: cpu_ms * each,
      resident_mib: resident_mib_max,
    }));
    return {
      contender: contender.name,
      connections: load.connections,
      requests: latencies_ms.length,
      errors: failed,
      per_s: latencies_ms.length / (elapsed_ms / 1_000),
      latency_ms: percentiles(latencies_ms),
      cpu_ms_per_request: costs.reduce((sum, one) => sum + one.cpu_ms_per_request, 0),
      load_cpu_ms_per_request: ((own.user + own.system) / 1_000) * each,
      processes: costs,
    };
  } finally {
    await dispatcher.close();
  }
}

/** The mock repeats the first words of a question: an answer to another one is found out. */
async function ask({ url, headers }: Contender, dispatcher: Agent): Promise<boolean> {
  asked += 1;
  const words = `Question ${process.pid}-${asked} of many`;
  const body = JSON.stringify({ model: MODEL, messages: [{ role: "user", content: `${words}: ${CONTEXT}` }] });
  const response = await request(url, { method: "POST", dispatcher, headers, body });
  const text = await response.body.text();
  return response.statusCode === 200 && text.includes(words) && text.includes('"finish_reason":"stop"');
}
