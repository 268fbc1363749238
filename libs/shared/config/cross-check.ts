/** What no single field of the settings can tell: names that must exist elsewhere in the file. Pure. */
import { RE2JS } from "re2js";
import { isInternalTenant } from "../events/shadow.ts";
import type { Settings } from "./schema.ts";
import { sinkProblems } from "./sink-check.ts";

export type CrossProblem = { readonly path: readonly (string | number)[]; readonly message: string };

export function crossCheck(settings: Settings): CrossProblem[] {
  return [
    ...routingProblems(settings),
    ...tierProblems(settings),
    ...tenantProblems(settings),
    ...sinkProblems(settings),
  ];
}

function routingProblems(settings: Settings): CrossProblem[] {
  return [
    ...namedTierProblems(settings),
    ...ladderProblems(settings),
    ...ruleProblems(settings),
    ...shadowProblems(settings),
  ];
}

function namedTierProblems({ routing, tiers }: Settings): CrossProblem[] {
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

function ladderProblems({ routing, tiers }: Settings): CrossProblem[] {
  const { ladder = [], complexity } = routing;
  const problems = ladder.flatMap((tier, at) => chatTierProblems(tiers, tier, ["routing", "ladder", at]));
  const twice = ladder.findIndex((tier, at) => ladder.indexOf(tier) !== at);
  if (twice >= 0)
    problems.push({ path: ["routing", "ladder", twice], message: `"${ladder[twice]}" stands here twice` });
  if (complexity.method === "trained" && complexity.policy_file === undefined) {
    const message = "method: trained needs a policy_file, which `sluice tiers fit` writes";
    problems.push({ path: ["routing", "complexity", "method"], message });
  }
  return problems;
}

function ruleProblems({ routing, tiers }: Settings): CrossProblem[] {
  const names = routing.rules.map(({ name }) => name);
  return routing.rules.flatMap(({ name, tier, when }, at) => {
    const path = ["routing", "rules", at];
    const patterns = (["prompt_matches", "system_matches"] as const).flatMap((field) => {
      const problem = when[field] === undefined ? undefined : patternProblem(when[field]);
      return problem === undefined ? [] : [{ path: [...path, "when", field], message: problem }];
    });
    const twice = names.indexOf(name) === at ? [] : [{ path: [...path, "name"], message: `"${name}" names two rules` }];
    return [...chatTierProblems(tiers, tier, [...path, "tier"]), ...patterns, ...twice];
  });
}

/** RE2 has neither look-around nor back-references: that is why it takes linear time. */
function patternProblem(source: string): string | undefined {
  try {
    RE2JS.compile(source);
    return undefined;
  } catch (error) {
    return `is no regular expression of RE2: ${(error as Error).message}`;
  }
}

function shadowProblems({ routing, tiers }: Settings): CrossProblem[] {
  return Object.entries(routing.shadows).flatMap(([name, { from = [], to }]) => [
    ...chatTierProblems(tiers, to, ["routing", "shadows", name, "to"]),
    ...from.flatMap((tier, at) => chatTierProblems(tiers, tier, ["routing", "shadows", name, "from", at])),
  ]);
}

function chatTierProblems(tiers: Settings["tiers"], name: string, path: CrossProblem["path"]): CrossProblem[] {
  const tier = own(tiers, name);
  if (tier === undefined) return [noTier(path, tiers)];
  return tier.kind === "chat" ? [] : [{ path, message: "must be a tier with kind: chat" }];
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
    if (isInternalTenant(tenant)) {
      problems.push({
        path: ["tenants", tenant],
        message: "is the pipeline's own name; its budget is in the settings of shadows and checks",
      });
    }
  }
  return problems;
}

function noTier(path: CrossProblem["path"], tiers: Settings["tiers"]): CrossProblem {
  return { path, message: `no such tier; known are ${Object.keys(tiers).join(", ")}` };
}

function own<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
