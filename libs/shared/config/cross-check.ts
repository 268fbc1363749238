/** What no single field of the settings can tell: names that must exist elsewhere in the file. Pure. */
import type { Settings } from "./schema.ts";

export type CrossProblem = { readonly path: readonly (string | number)[]; readonly message: string };

export function crossCheck(settings: Settings): CrossProblem[] {
  return [...routingProblems(settings), ...tierProblems(settings), ...tenantProblems(settings)];
}

function routingProblems({ routing, tiers }: Settings): CrossProblem[] {
  const wanted = [
    ["default_tier", "chat"],
    ["embeddings_tier", "embeddings"],
  ] as const;
  return wanted.flatMap(([field, kind]) => {
    const tier = own(tiers, routing[field]);
    if (tier === undefined) return [noTier(["routing", field], tiers)];
    return tier.kind === kind ? [] : [{ path: ["routing", field], message: `must be a tier with kind: ${kind}` }];
  });
}

function tierProblems({ tiers, endpoints, prices, admission: { unknown_price } }: Settings): CrossProblem[] {
  const problems: CrossProblem[] = [];
  const owner = new Map<string, string>();
  for (const [name, tier] of Object.entries(tiers)) {
    for (const endpoint of [tier.endpoint].flat()) {
      if (own(endpoints, endpoint) !== undefined) continue;
      problems.push({ path: ["tiers", name, "endpoint"], message: `no such endpoint "${endpoint}"` });
    }
    if (tier.prompt !== undefined && own(tier.prompts, tier.prompt) === undefined) {
      const known = Object.keys(tier.prompts).join(", ") || "none";
      problems.push({
        path: ["tiers", name, "prompt"],
        message: `no such prompt; known in tiers.${name}.prompts: ${known}`,
      });
    }
    for (const [index, model] of tier.models.entries()) {
      const path = ["tiers", name, "models", index];
      const other = owner.get(model);
      if (other !== undefined) problems.push({ path, message: `"${model}" already means tier ${other}` });
      owner.set(model, name);
      if (own(prices.models, model) === undefined && unknown_price === "refuse") {
        problems.push({ path, message: `"${model}" has no price; add it to prices.models` });
      }
    }
  }
  return problems;
}

function tenantProblems({ plans, tenants, tiers }: Settings): CrossProblem[] {
  const problems: CrossProblem[] = [];
  const checkTiers = (path: readonly string[], names: readonly string[] | null | undefined): void => {
    for (const [index, tier] of (names ?? []).entries()) {
      if (own(tiers, tier) === undefined) problems.push(noTier([...path, "tiers", index], tiers));
    }
  };
  for (const [name, plan] of Object.entries(plans)) checkTiers(["plans", name], plan.tiers);
  for (const [tenant, { plan, overrides }] of Object.entries(tenants)) {
    if (own(plans, plan) === undefined) {
      problems.push({ path: ["tenants", tenant, "plan"], message: `no such plan "${plan}"` });
    }
    checkTiers(["tenants", tenant, "overrides"], overrides?.tiers);
  }
  return problems;
}

function noTier(path: CrossProblem["path"], tiers: Settings["tiers"]): CrossProblem {
  return { path, message: `no such tier; known are ${Object.keys(tiers).join(", ")}` };
}

function own<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
