/** Which tier and model a request goes to. Pure. Fixed for now: an explicit choice, else the default of its kind. */
import type { Settings, TierSettings } from "../../libs/shared/config/schema.ts";
import type { ResultError, Route } from "../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";

export type RoutingTable = Pick<Settings, "routing"> & {
  readonly tiers: Readonly<Record<string, Pick<TierSettings, "kind" | "models">>>;
};

export type Routing =
  | { readonly kind: "routed"; readonly route: Route }
  | { readonly kind: "refused"; readonly error: ResultError };

/** `auto` leaves the choice to us. */
const AUTO = "auto";

export function chooseRoute(head: AdmittedHead, table: RoutingTable): Routing {
  const asked = head.tier ?? (head.model === AUTO ? undefined : head.model);
  if (asked === undefined) {
    const tier = head.kind === "embeddings" ? table.routing.embeddings_tier : table.routing.default_tier;
    return routed(tier, modelOf(table, tier), head.model === AUTO ? "auto: default tier" : "default tier");
  }
  const field = head.tier === undefined ? "body.model" : "tier";
  const byTier = Object.hasOwn(table.tiers, asked) ? table.tiers[asked] : undefined;
  const owner = byTier === undefined ? tierOfModel(table, asked) : asked;
  if (owner === undefined || (head.tier !== undefined && byTier === undefined)) {
    return refused(
      field,
      `there is no ${field === "tier" ? "tier" : "tier or model"} "${asked}"; known are ${known(table)}`,
    );
  }
  if (table.tiers[owner]?.kind !== head.kind) {
    return refused(field, `"${asked}" serves ${table.tiers[owner]?.kind} and the body is a ${head.kind} request`);
  }
  const model = byTier === undefined ? asked : modelOf(table, owner);
  return routed(owner, model, `${field} asks for ${asked}`);
}

function tierOfModel(table: RoutingTable, model: string): string | undefined {
  return Object.keys(table.tiers).find((tier) => table.tiers[tier]?.models.includes(model));
}

function modelOf(table: RoutingTable, tier: string): string {
  return table.tiers[tier]?.models[0] ?? tier;
}

function known(table: RoutingTable): string {
  const tiers = Object.keys(table.tiers);
  return [AUTO, ...tiers, ...tiers.flatMap((tier) => table.tiers[tier]?.models ?? [])].join(", ");
}

function routed(tier: string, model: string, reason: string): Routing {
  return { kind: "routed", route: { tier, model, reason, cache: "miss", attempts: 0 } };
}

function refused(param: string, message: string): Routing {
  return {
    kind: "refused",
    error: { code: "model_unknown", type: "invalid_request_error", message: `${param}: ${message}`, param },
  };
}
