/** Which traces are recorded: OpenTelemetry's samplers by their names. Pure. */
import type { TraceContext } from "./trace-context.ts";

/** @property share of traces that begin here, from 0 to 1. @property by_parent what the caller decided holds. */
export type Sampling = { readonly share: number; readonly by_parent: boolean };

const SHARES: Readonly<Record<string, number | "argument">> = {
  always_on: 1,
  always_off: 0,
  traceidratio: "argument",
};
const BY_PARENT = "parentbased_";

/**
 * @param name as of OTEL_TRACES_SAMPLER. @param argument as of OTEL_TRACES_SAMPLER_ARG.
 * @returns undefined where there is no such sampler, or its share is none.
 */
export function samplingOf(name = "parentbased_always_on", argument?: string): Sampling | undefined {
  const by_parent = name.startsWith(BY_PARENT);
  const root = by_parent ? name.slice(BY_PARENT.length) : name;
  const known = Object.hasOwn(SHARES, root) ? SHARES[root] : undefined;
  if (known === undefined) return undefined;
  const share = known === "argument" ? Number(argument ?? "1") : known;
  return share >= 0 && share <= 1 && argument !== "" ? { share, by_parent } : undefined;
}

/** The random part of a trace id, as OpenTelemetry's consistent sampling has it: 56 bits, here as a part of 1. */
const RANDOM_CHARS = 14;
const RANDOM_VALUES = 16 ** RANDOM_CHARS;

export function isSampled({ share, by_parent }: Sampling, parent: TraceContext | undefined, trace_id: string): boolean {
  if (by_parent && parent !== undefined) return parent.sampled;
  if (share === 0 || share === 1) return share === 1;
  return Number.parseInt(trace_id.slice(-RANDOM_CHARS), 16) / RANDOM_VALUES >= 1 - share;
}
