/** What a rollout changes, and whether the settings have what it names. Pure. */
import type { Settings } from "../config/schema.ts";
import type { RolloutEvent } from "../events/control.ts";

export type RolloutChange = RolloutEvent["change"];

export type ChangeSettings = {
  readonly tiers: Readonly<
    Record<
      string,
      Pick<Settings["tiers"][string], "kind" | "models"> & Partial<Pick<Settings["tiers"][string], "prompts">>
    >
  >;
};

/**
 * Why a change cannot be, in words; undefined where it can. A model must be one of the tier's: those are what ingest reserves for, what
 * has a price, and what the tier's endpoints are asked for. Whether a policy's file can be read is for the caller to find out.
 */
export function changeProblem(change: RolloutChange, { tiers }: ChangeSettings): string | undefined {
  if (change.of === "policy") return change.policy_file === "" ? "the policy has no file" : undefined;
  const tier = Object.hasOwn(tiers, change.tier) ? tiers[change.tier] : undefined;
  if (tier === undefined) return `there is no tier "${change.tier}"; known are ${Object.keys(tiers).join(", ")}`;
  if (change.of === "model") {
    if (tier.models.includes(change.model)) return undefined;
    return `tier ${change.tier} has no model "${change.model}"; it has ${tier.models.join(", ")} (add it to tiers.${change.tier}.models, with a price)`;
  }
  if (tier.kind !== "chat") return `tier ${change.tier} is no chat tier: its requests have no prompt`;
  const versions = Object.keys(tier.prompts ?? {});
  if (versions.includes(change.prompt)) return undefined;
  const known = versions.length === 0 ? "it has none" : `it has ${versions.join(", ")}`;
  return `tier ${change.tier} has no prompt "${change.prompt}"; ${known} (tiers.${change.tier}.prompts)`;
}

/** What two rollouts must not change at once. */
export function changeTarget(change: RolloutChange): string {
  return change.of === "policy" ? "policy" : `${change.of} ${change.tier}`;
}

/** `small: gpt-5-mini`, `small: prompt v2`, `policy fitted.json`. */
export function changeText(change: RolloutChange): string {
  if (change.of === "policy") return `policy ${change.policy_file}`;
  return change.of === "model" ? `${change.tier}: ${change.model}` : `${change.tier}: prompt ${change.prompt}`;
}
