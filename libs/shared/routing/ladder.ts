/** The tiers that we may choose among for a request that leaves it to us. Pure. */
import type { Settings } from "../config/schema.ts";

export type LadderSettings = Pick<Settings, "routing"> & {
  readonly tiers: Readonly<Record<string, Pick<Settings["tiers"][string], "kind">>>;
};

/**
 * Weakest first: `routing.ladder`, else the default tier and the chat tiers that come after it in `tiers`. Of embeddings there is one:
 * vectors of two models do not compare.
 */
export function ladderOf({ routing, tiers }: LadderSettings, kind: "chat" | "embeddings"): string[] {
  if (kind === "embeddings") return [routing.embeddings_tier];
  if (routing.ladder !== undefined) return [...routing.ladder];
  const names = Object.keys(tiers);
  const from = names.indexOf(routing.default_tier);
  return names.slice(Math.max(0, from)).filter((name) => tiers[name]?.kind === "chat");
}

/** The next stronger tier; undefined at the top, and for a tier that is not on the ladder. @param allowed those that may be taken; any where left out. */
export function tierAbove(
  ladder: readonly string[],
  tier: string,
  allowed?: readonly string[] | undefined,
): string | undefined {
  const at = ladder.indexOf(tier);
  if (at < 0) return undefined;
  return ladder.slice(at + 1).find((name) => allowed?.includes(name) !== false);
}
