/** Rules of operators: conditions on a request, and the tier they send it to. Pure. */
import { RE2JS } from "re2js";
import type { RoutingRule } from "../../libs/shared/config/routing.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";
import { shortened } from "../../libs/shared/routing/surface.ts";

/** Patterns look at the first and the last half of so many characters: it bounds what a rule costs. */
const PATTERN_CHARS_MAX = 8_000;

/** What conditions are held against. Texts that are not known match no pattern. */
export type RuleFacts = {
  readonly head: Pick<AdmittedHead, "tenant" | "lane" | "metadata">;
  readonly features: readonly string[];
  readonly last_user: string | undefined;
  readonly system: string | undefined;
  readonly chars: number;
  /** Undefined where the request was not looked into. */
  readonly turns: number | undefined;
};

export type CompiledRule = {
  readonly name: string;
  readonly tier: string;
  readonly holds: (facts: RuleFacts) => boolean;
};

/** @throws the parser's own error for a pattern that is none; the settings are checked for that before. */
export function compileRules(rules: readonly RoutingRule[]): readonly CompiledRule[] {
  return rules.map(({ name, tier, when }) => {
    const conditions = conditionsOf(when);
    return { name, tier, holds: (facts) => conditions.every((holds) => holds(facts)) };
  });
}

/** The first rule that holds and whose tier may be taken. */
export function firstRule(
  rules: readonly CompiledRule[],
  facts: RuleFacts,
  may: (tier: string) => boolean,
): CompiledRule | undefined {
  return rules.find((rule) => may(rule.tier) && rule.holds(facts));
}

type Condition = (facts: RuleFacts) => boolean;

/** Those that cost least come first. */
function conditionsOf(when: RoutingRule["when"]): Condition[] {
  const { tenants, lane, features, metadata, chars_min, chars_max, turns_min, prompt_matches, system_matches } = when;
  return [
    condition(tenants, (given, { head }) => given.includes(head.tenant)),
    condition(lane, (given, { head }) => head.lane === given),
    condition(features, (given, facts) => given.every((feature) => facts.features.includes(feature))),
    condition(metadata, (given, { head }) => holdsPairs(head.metadata, given)),
    condition(chars_min, (given, { chars }) => chars >= given),
    condition(chars_max, (given, { chars }) => chars <= given),
    condition(turns_min, (given, { turns }) => turns !== undefined && turns >= given),
    pattern(prompt_matches, ({ last_user }) => last_user),
    pattern(system_matches, ({ system }) => system),
  ].filter((one) => one !== undefined);
}

function condition<Given>(
  given: Given | undefined,
  holds: (given: Given, facts: RuleFacts) => boolean,
): Condition | undefined {
  return given === undefined ? undefined : (facts) => holds(given, facts);
}

function pattern(source: string | undefined, textOf: (facts: RuleFacts) => string | undefined): Condition | undefined {
  if (source === undefined) return undefined;
  const compiled = RE2JS.compile(source);
  return (facts) => {
    const text = textOf(facts);
    return text !== undefined && compiled.test(shortened(text, PATTERN_CHARS_MAX));
  };
}

function holdsPairs(held: AdmittedHead["metadata"], wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => held !== undefined && Object.hasOwn(held, key) && held[key] === value,
  );
}
