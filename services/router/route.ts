/**
 * Which tier, model and prompt a request goes to. What is asked for by name comes first; of a request that leaves the choice to us
 * decide, in this order: what its plan and what is left of its budgets allow (`head.tiers`), rules, complexity, the default. Then the
 * rollouts of the tier. Pure.
 */
import type { Decision, ResultError, Route } from "../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";
import { AUTO, leavesChoice } from "../../libs/shared/routing/choice.ts";
import type { RequestFacts } from "../../libs/shared/routing/facts.ts";
import { featuresOf } from "../../libs/shared/routing/features.ts";
import { byHeuristic, byPolicy, type Judged } from "./complexity.ts";
import type { RolloutSide, Rollouts } from "./rollout/contract.ts";
import { firstRule, type RuleFacts } from "./rules.ts";
import type { RoutingTable } from "./table.ts";

export type RoutingQuestion = {
  readonly head: AdmittedHead;
  /** Both are undefined for a request that is too long to be looked into. */
  readonly facts: RequestFacts | undefined;
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly request_bytes: number;
  /** Of the last user turn. */
  readonly vector: Float32Array | undefined;
  readonly rollouts: Rollouts;
  /** Keeps requests that belong together on one side of a rollout. */
  readonly sticky: string;
};

export type Routing =
  | { readonly kind: "routed"; readonly route: Route }
  | { readonly kind: "refused"; readonly error: ResultError };

type Chosen = {
  readonly tier: string;
  /** Asked for by name. */
  readonly model?: string;
  readonly decision: Decision;
  readonly reason: string;
};

export function chooseRoute(question: RoutingQuestion, table: RoutingTable): Routing {
  const { head } = question;
  const chosen = leavesChoice(head) ? ours(question, table) : theirs(head, table);
  return "error" in chosen ? { kind: "refused", error: chosen.error } : routed(question, table, chosen);
}

/** The text whose embedding the choice would gain by; undefined where none is asked. */
export function textToEmbed(question: RoutingQuestion, table: RoutingTable): string | undefined {
  const { head, facts } = question;
  if (!leavesChoice(head) || facts?.last_user === undefined) return undefined;
  const policy = policyOf(question, table);
  const may = tiersOf(head, table);
  if (typeof policy.value !== "object" || !may.includes(policy.value.weak) || !may.includes(policy.value.strong)) {
    return undefined;
  }
  const rule = firstRule(table.rules, ruleFactsOf(question), (tier) => may.includes(tier));
  return rule === undefined ? facts.last_user : undefined;
}

/** What the request names, or the one tier of its kind. */
function theirs(head: AdmittedHead, table: RoutingTable): Chosen | { readonly error: ResultError } {
  const asked = head.tier ?? (head.model === AUTO ? undefined : head.model);
  if (asked === undefined) {
    const tier = table.routing.embeddings_tier;
    return { tier, decision: { by: "default" }, reason: "the tier of embeddings" };
  }
  const field = head.tier === undefined ? "body.model" : "tier";
  const byTier = Object.hasOwn(table.tiers, asked) ? table.tiers[asked] : undefined;
  const owner = byTier === undefined ? tierOfModel(table, asked) : asked;
  if (owner === undefined || (head.tier !== undefined && byTier === undefined)) {
    const what = field === "tier" ? "tier" : "tier or model";
    return unknown(field, `there is no ${what} "${asked}"; known are ${known(table)}`);
  }
  const kind = table.tiers[owner]?.kind;
  if (kind !== head.kind) return unknown(field, `"${asked}" serves ${kind} and the body is a ${head.kind} request`);
  const by = head.shadow === undefined ? "asked" : "shadow";
  const model = byTier === undefined ? { model: asked } : {};
  return { tier: owner, ...model, decision: { by }, reason: `${field} asks for ${asked}` };
}

function ours(question: RoutingQuestion, table: RoutingTable): Chosen {
  const { head } = question;
  const may = tiersOf(head, table);
  const [weakest = table.routing.default_tier] = may;
  const candidates = may.map((tier) => ({ tier }));
  if (head.tiers_by === "budget") {
    const reason = `budget: what is left suffices for ${weakest} alone`;
    return { tier: weakest, decision: { by: "budget", candidates }, reason };
  }
  const rule = firstRule(table.rules, ruleFactsOf(question), (tier) => may.includes(tier));
  if (rule !== undefined) {
    const decision = { by: "rule", detail: rule.name, candidates } as const;
    return { tier: rule.tier, decision, reason: `rule ${rule.name}` };
  }
  const ladder = table.ladder.filter((tier) => may.includes(tier));
  const judged = ladder.length > 1 ? complexity(question, table, ladder) : undefined;
  if (judged !== undefined) return judged;
  const fallback = table.routing.default_tier;
  if (may.includes(fallback))
    return { tier: fallback, decision: { by: "default", candidates }, reason: "default tier" };
  return { tier: weakest, decision: { by: "plan", candidates }, reason: `the plan allows ${may.join(", ")}` };
}

/** Undefined where nothing looks at requests. */
function complexity(question: RoutingQuestion, table: RoutingTable, ladder: readonly string[]): Chosen | undefined {
  const { method, threshold } = table.routing.complexity;
  const { side, value: policy } = policyOf(question, table);
  if (method === "none" && policy === undefined) return undefined;
  const input = {
    text: question.facts?.last_user,
    chars: question.facts?.chars ?? question.request_bytes,
    turns: question.facts?.turns ?? 0,
    features: featuresIn(question),
  };
  const own = side?.side === "new" ? undefined : threshold;
  const trained = typeof policy === "object" ? byPolicy(policy, { ...input, ...question }, ladder, own) : policy;
  const with_side = side === undefined ? {} : { rollout: side };
  const chosen = (judged: Judged, note: string): Chosen => ({
    tier: judged.tier,
    decision: { by: "complexity", ...judged.decision, ...with_side },
    reason: `${judged.reason}${note}`,
  });
  if (typeof trained === "object") return chosen(trained, "");
  // A threshold that is set for `trained` is not on the heuristic's scale.
  const judged = byHeuristic(input, ladder, method === "heuristic" ? threshold : undefined);
  return chosen(judged, trained === undefined ? "" : `; the trained policy was not asked: ${trained}`);
}

/** The policy in force for this request, or why there is none that could be asked; undefined where none is wanted. */
function policyOf({ rollouts, sticky }: RoutingQuestion, table: RoutingTable) {
  const { method, policy_file } = table.routing.complexity;
  const rolled = rollouts.policy(sticky);
  const file = rolled?.value ?? (method === "trained" ? policy_file : undefined);
  const side = rolled?.side;
  if (file === undefined) return { side, value: method === "trained" ? "no policy_file is set" : undefined };
  const policy = table.policies.get(file);
  if (policy === undefined) return { side, value: `${file} is not loaded` };
  const { embedding_model } = table;
  if (embedding_model !== undefined && embedding_model !== policy.embedding_model) {
    return { side, value: `it is for embeddings by ${policy.embedding_model}, and these are by ${embedding_model}` };
  }
  return { side, value: policy };
}

/** The tiers that may be taken, as ingest says; those that the settings no longer have are left out. */
function tiersOf(head: AdmittedHead, table: RoutingTable): readonly string[] {
  if (head.tiers === undefined) return table.choosable;
  return head.tiers.filter((tier) => Object.hasOwn(table.tiers, tier) && table.tiers[tier]?.kind === "chat");
}

function ruleFactsOf(question: RoutingQuestion): RuleFacts {
  const { head, facts, request_bytes } = question;
  return {
    head,
    features: featuresIn(question),
    last_user: facts?.last_user,
    system: facts?.system,
    chars: facts?.chars ?? request_bytes,
    turns: facts?.turns,
  };
}

/** Of a body that was not looked into nothing is known. */
function featuresIn({ head, body }: RoutingQuestion): readonly string[] {
  return body === undefined ? [] : featuresOf(head.kind, body);
}

function routed({ head, rollouts, sticky }: RoutingQuestion, table: RoutingTable, chosen: Chosen): Routing {
  const { tier } = chosen;
  const settings = table.tiers[tier];
  // What is run for a comparison is no part of a rollout's figures.
  const rolls = head.shadow === undefined;
  const by_model = rolls && chosen.model === undefined ? rollouts.model(tier, sticky) : undefined;
  const by_prompt = rolls && head.kind === "chat" ? rollouts.prompt(tier, sticky) : undefined;
  const model = pick(by_model?.value, settings?.models ?? []) ?? chosen.model ?? settings?.models[0] ?? tier;
  const prompt = pick(by_prompt?.value, Object.keys(settings?.prompts ?? {})) ?? settings?.prompt;
  const rollout = by_model?.side ?? by_prompt?.side ?? chosen.decision.rollout;
  const decision = { ...chosen.decision, ...(rollout === undefined ? {} : { rollout }) };
  const reason = `${chosen.reason}${sideText(rollout)}`;
  const version = prompt === undefined ? {} : { prompt_version: prompt };
  return { kind: "routed", route: { tier, model, reason, cache: "miss", attempts: 0, ...version, decision } };
}

/** What a rollout names counts only where the settings still have it: what is held covers no other. */
function pick(value: string | undefined, among: readonly string[]): string | undefined {
  return value !== undefined && among.includes(value) ? value : undefined;
}

function sideText(side: RolloutSide | undefined): string {
  return side === undefined ? "" : `; rollout ${side.name} at ${side.percent} %: ${side.side}`;
}

function tierOfModel(table: RoutingTable, model: string): string | undefined {
  return Object.keys(table.tiers).find((tier) => table.tiers[tier]?.models.includes(model));
}

function known(table: RoutingTable): string {
  const tiers = Object.keys(table.tiers);
  return [AUTO, ...tiers, ...tiers.flatMap((tier) => table.tiers[tier]?.models ?? [])].join(", ");
}

function unknown(param: string, message: string): { readonly error: ResultError } {
  return { error: { code: "model_unknown", type: "invalid_request_error", message: `${param}: ${message}`, param } };
}
