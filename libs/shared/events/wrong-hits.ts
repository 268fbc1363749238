/** A person says that an answer from the cache was wrong: its entry goes, and the threshold learns. Pure. */
import type { OutRecord } from "../kafka/ports.ts";
import { answerText } from "./answer-text.ts";
import { controlRecord, type InvalidateEvent } from "./control.ts";
import type { Result } from "./flow.ts";
import type { ShadowComparison } from "./shadow.ts";
import { shadowEventRecord } from "./shadow-records.ts";
import type { ShadowWriter } from "./shadow-requests.ts";

export type Report = {
  readonly at_ms: number;
  /** The public part of an API key, or the command. */
  readonly by: string;
};

export type WrongHit = {
  readonly entry_id: string;
  /** Whether the tenant's threshold learns from it: only what was answered by meaning. */
  readonly teaches: boolean;
  /** To be published together. */
  readonly records: readonly OutRecord[];
};

/** @returns undefined where the answer was not the cache's. */
export function wrongHit(writer: ShadowWriter, result: Result, { at_ms, by }: Report): WrongHit | undefined {
  const { tenant, id, route } = result;
  const entry_id = route?.cache === "miss" || route?.cache === "bypass" ? undefined : route?.cache_entry;
  if (entry_id === undefined) return undefined;
  const why = `reported as a wrong answer to ${id}`;
  const event: InvalidateEvent = { kind: "invalidate", selector: { tenant, entry_id }, at_ms, by, why };
  const invalidate = controlRecord(writer.codec, writer.names.control, event);
  const comparison = comparisonOf(result, entry_id, at_ms);
  const learnt = comparison === undefined ? [] : [shadowEventRecord(writer, comparison)];
  return { entry_id, teaches: comparison !== undefined, records: [invalidate, ...learnt] };
}

/** As if it had been run for real, and had come to something else. */
function comparisonOf(
  { tenant, id, route, usage, response }: Result,
  entry_id: string,
  at_ms: number,
): ShadowComparison | undefined {
  if (route?.cache !== "semantic") return undefined;
  const taken = route.decision?.cache?.candidates.find(({ entry }) => entry === entry_id);
  if (taken?.probability === undefined) return undefined;
  const { probability } = taken;
  const text = answerText(response);
  return {
    kind: "comparison",
    shadow: { kind: "cache_check", name: REPORTED, tenant, id, entry_id, probability },
    at_ms,
    original: {
      tier: route.tier,
      model: route.model,
      cost_usd: usage?.cost_usd ?? 0,
      ...(text === undefined ? {} : { text }),
    },
    run: { cost_usd: 0 },
    same: false,
    similarity: 0,
    differs_by: REPORTED,
  };
}

const REPORTED = "reported";
