/** The flags of `load`, read. Pure. */
import { InvalidArgumentError } from "commander";
import { parseDurationMs } from "../output/format.ts";
import { TENANT_DEFAULT } from "./body.ts";
import type { Gates } from "./compare.ts";

export type GateFlags = {
  readonly maxP50Increase?: number;
  readonly maxP95Increase?: number;
  readonly maxP99Increase?: number;
  readonly maxFirstTokenIncrease?: number;
  readonly maxCostIncrease?: number;
  readonly maxErrorIncrease?: number;
};

export function gatesOf(flags: GateFlags): Gates {
  const gates = {
    p50_increase_max: flags.maxP50Increase,
    p95_increase_max: flags.maxP95Increase,
    p99_increase_max: flags.maxP99Increase,
    first_token_p95_increase_max: flags.maxFirstTokenIncrease,
    cost_increase_max: flags.maxCostIncrease,
    errors_increase_max: flags.maxErrorIncrease,
  };
  return Object.fromEntries(Object.entries(gates).filter(([, limit]) => limit !== undefined));
}

/** `10%` or `0.1`. */
export function parsePart(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  if (match === null) throw new InvalidArgumentError("Expected a share such as 10% or 0.1.");
  return Number(match[1]) / (match[2] === "%" ? 100 : 1);
}

export function parseSpan(text: string): number {
  const duration_ms = parseDurationMs(text);
  if (duration_ms !== undefined && duration_ms > 0) return duration_ms;
  throw new InvalidArgumentError("Expected a duration such as 30s, 5m or 2h.");
}

/** `slc_…`, the demo tenant's, or `tenant=slc_…`; collected. */
export function parseKey(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, tenant = TENANT_DEFAULT, key] = /^(?:([\w.-]+)=)?(slc_\S+)$/.exec(text) ?? [];
  if (key === undefined) throw new InvalidArgumentError("Expected slc_… or tenant=slc_….");
  return { ...before, [tenant]: key };
}

export function parseWorkers(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count;
  throw new InvalidArgumentError("Expected a whole number from 1 to 64.");
}

export function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed <= 2 ** 31) return seed;
  throw new InvalidArgumentError("Expected a whole number.");
}
