/** The cache answers far less than it did, and the calls that come of it are more than a tier can do. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { Observation, StageLoad } from "../observation.ts";
import { clearing_s, isBehind } from "../standing.ts";
import { figure, percent, queueEvidence } from "../wording.ts";

/** Before, at the least, and now beside it at the most: less of a fall is traffic that changes. */
const BEFORE_MIN = 0.2;
const FALL_MAX = 0.5;
const LOOKED_MIN = 20;
/** Of the calls, what the hits of before would spare, for it to be the cause. */
const SPARED_MIN = 0.3;

export function coldCache(observation: Observation): readonly RuleFinding[] {
  const { hit_ratio, hits_per_s, misses_per_s, before, entries } = observation.cache;
  const looked_per_s = hits_per_s + misses_per_s;
  if (hit_ratio === null || before === null || looked_per_s * observation.seconds < LOOKED_MIN) return [];
  if (before.hit_ratio < BEFORE_MIN || hit_ratio > before.hit_ratio * FALL_MAX) return [];
  const behind = observation.stages.filter((stage) => stage.calls !== undefined && isBehind(stage, observation));
  const [worst] = behind.toSorted((one, other) => clearing_s(other) - clearing_s(one));
  const spared = (before.hit_ratio - hit_ratio) / Math.max(0.001, 1 - hit_ratio);
  const is_cause = worst !== undefined && spared >= SPARED_MIN;
  const { cache_version } = observation.settings;
  return [
    {
      what: "cold_cache",
      stage: "router",
      severity: is_cause ? "bottleneck" : "risk",
      strength: is_cause && wouldDo(worst, spared) ? 1 : 0.5,
      summary: `${percent(hit_ratio)} of what is looked for is in the cache; in the last ${before.of} it was ${percent(before.hit_ratio)}`,
      evidence: [
        { name: "hits now", value: figure(hit_ratio) },
        { name: `hits in the last ${before.of}`, value: figure(before.hit_ratio) },
        { name: "looked for", value: figure(looked_per_s), unit: "/s" },
        { name: "entries in the index", value: Math.round(entries) },
        { name: "calls that the hits of before would spare", value: figure(spared) },
        ...(worst === undefined ? [] : [{ name: "stage that has them", value: worst.name }, ...queueEvidence(worst)]),
      ],
      change:
        `It fills by itself as questions come again. If cache.version ("${cache_version}") or the embedding model was changed by mistake, change it back: ` +
        `the entries are still there. After a purge, npx sluice cache warm puts known answers in.`,
      gain: {
        what: "calls to models",
        unit: "calls/s",
        from: figure(misses_per_s),
        to: figure(looked_per_s * (1 - before.hit_ratio)),
        how: `${figure(looked_per_s)}/s looked for, of which ${percent(1 - before.hit_ratio)} are called for`,
      },
    },
  ];
}

/** With the hits of before the tier would keep up. */
function wouldDo({ arrivals_per_s, done_per_s }: StageLoad, spared: number): boolean {
  return arrivals_per_s * (1 - spared) <= done_per_s * 1.1;
}
