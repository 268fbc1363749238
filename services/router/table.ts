/** The settings as routing uses them, made once: names looked up, patterns compiled. Pure. */
import type { RoutingSettings } from "../../libs/shared/config/routing.ts";
import type { TierSettings } from "../../libs/shared/config/schema.ts";
import { choosable } from "../../libs/shared/routing/choice.ts";
import { ladderOf } from "../../libs/shared/routing/ladder.ts";
import type { TierPolicy } from "../../libs/shared/routing/policy.ts";
import { type CompiledRule, compileRules } from "./rules.ts";

type Tier = Pick<TierSettings, "kind" | "models"> & Partial<Pick<TierSettings, "prompts" | "prompt">>;

export type TableSettings = {
  readonly routing: RoutingSettings;
  readonly tiers: Readonly<Record<string, Tier>>;
};

export type RoutingTable = TableSettings & {
  readonly rules: readonly CompiledRule[];
  /** The weakest first. */
  readonly ladder: readonly string[];
  /** All that may be chosen for a request that leaves the choice to us. */
  readonly choosable: readonly string[];
  /** By file: those of the settings and of rollouts. */
  readonly policies: ReadonlyMap<string, TierPolicy>;
  /** The model that vectors are of. */
  readonly embedding_model: string | undefined;
};

export function routingTable(
  settings: TableSettings,
  more: Partial<Pick<RoutingTable, "policies" | "embedding_model">> = {},
): RoutingTable {
  const { routing, tiers } = settings;
  return {
    routing,
    tiers,
    rules: compileRules(routing.rules),
    ladder: ladderOf(settings, "chat"),
    choosable: choosable(settings),
    policies: more.policies ?? new Map(),
    embedding_model: more.embedding_model,
  };
}
