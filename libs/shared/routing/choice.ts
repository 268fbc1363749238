/**
 * What may be chosen for a request that leaves its tier to us. Ingest holds money for the dearest way among these tiers, and the router
 * keeps to them: both ask here. Pure.
 */
import { type LadderSettings, ladderOf } from "./ladder.ts";

/** What a request says of its tier. */
export type AskedTier = {
  readonly kind: "chat" | "embeddings";
  readonly tier?: string | undefined;
  readonly model?: string | undefined;
};

/** `auto`, like no model at all, leaves the choice to us. */
export const AUTO = "auto";

/** Of chat alone: embeddings have one tier. */
export function leavesChoice({ kind, tier, model }: AskedTier): boolean {
  return kind === "chat" && tier === undefined && (model === undefined || model === AUTO);
}

/**
 * Every tier that such a request may begin or end in: those of the ladder, the weakest first, then those that only rules name. Where
 * nothing looks at requests it is the default tier alone.
 * @param allowed the plan's tiers; left out: all.
 * @returns an empty list where the plan allows none of them.
 */
export function choosable(settings: LadderSettings, allowed?: readonly string[]): readonly string[] {
  const { routing, tiers } = settings;
  const may = (tier: string): boolean => allowed === undefined || allowed.includes(tier);
  const ladder = ladderOf(settings, "chat").filter(may);
  const fallback = fallbackOf(settings, ladder, may);
  const moves = routing.complexity.method !== "none" || climbs(settings);
  const of_rules = routing.rules.map(({ tier }) => tier).filter((tier) => tiers[tier]?.kind === "chat" && may(tier));
  return [...new Set([...(moves ? ladder : []), ...(fallback === undefined ? [] : [fallback]), ...of_rules])];
}

/** Where nothing else says anything: the default tier, else the weakest that may be taken. */
function fallbackOf(
  { routing }: LadderSettings,
  ladder: readonly string[],
  may: (tier: string) => boolean,
): string | undefined {
  return may(routing.default_tier) ? routing.default_tier : ladder[0];
}

/** Whether an answer may be asked for again, of a stronger tier. */
function climbs({ routing }: Pick<LadderSettings, "routing">): boolean {
  return routing.escalation.enabled || routing.strategy === "draft_and_verify";
}

/**
 * The ways that one request may take through the tiers, one for each that it may begin in: that tier, and those that it may climb to. A
 * tier that is not on the ladder has none above it.
 * @param among as `choosable` gives them.
 */
export function waysThrough(settings: LadderSettings, among: readonly string[]): readonly (readonly string[])[] {
  if (!climbs(settings)) return among.map((tier) => [tier]);
  const { escalation, strategy } = settings.routing;
  const hops = Math.max(escalation.enabled ? escalation.hops_max : 0, strategy === "draft_and_verify" ? 1 : 0);
  const ladder = ladderOf(settings, "chat").filter((tier) => among.includes(tier));
  return among.map((tier) => {
    const at = ladder.indexOf(tier);
    return at < 0 ? [tier] : ladder.slice(at, at + hops + 1);
  });
}
