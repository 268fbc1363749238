/** What an arrival asks: a template and its sizes, drawn from the seed and the arrival's number alone, so that every worker agrees. Pure. */
import { Random } from "../../tools/simulate/random.ts";
import { promptText } from "./prompt.ts";
import type { Amount, Scenario, Template } from "./scenario.ts";

export type Turn = {
  readonly prompt: string;
  readonly prompt_tokens: number;
  readonly output_tokens: number;
  /** Before it, after the answer to the one before. */
  readonly think_ms: number;
};

export type Visit = { readonly index: number; readonly template: Template; readonly turns: readonly Turn[] };

/** Spreads neighbouring numbers over all seeds (Knuth's multiplicative constant). */
const SPREAD = 0x9e3779b1;
/** The 95th percentile of the standard normal distribution. */
const Z95 = 1.6449;

/** @param run in the text of each prompt, so that no earlier run has filled the cache for this one. */
export function drawVisit(scenario: Scenario, run: string, index: number): Visit {
  const random = new Random((scenario.seed + Math.imul(index + 1, SPREAD)) | 0);
  const template = pickTemplate(scenario.templates, random);
  const count = template.session === undefined ? 1 : Math.round(amountOf(template.session.turns, random));
  const turns = Array.from({ length: count }, (_, turn) => drawTurn(scenario, { template, random, run, index, turn }));
  return { index, template, turns };
}

type At = {
  readonly template: Template;
  readonly random: Random;
  readonly run: string;
  readonly index: number;
  readonly turn: number;
};

function drawTurn(scenario: Scenario, { template, random, run, index, turn }: At): Turn {
  const think_ms = turn === 0 || template.session === undefined ? 0 : amountOf(template.session.think, random);
  const { repeated } = template;
  const shared =
    repeated !== undefined && turn === 0 && random.chance(repeated.share) ? random.int(1, repeated.of) : undefined;
  if (repeated === undefined || shared === undefined)
    return { ...question(template, random, `${run} ${index}.${turn}`), think_ms };
  const at = scenario.templates.indexOf(template);
  const own = new Random((scenario.seed ^ Math.imul(shared + at * repeated.of, SPREAD)) | 0);
  return { ...question(template, own, `${run} shared ${at}.${shared}`), think_ms };
}

function question(template: Template, random: Random, name: string): Omit<Turn, "think_ms"> {
  const prompt_tokens = Math.max(1, Math.round(amountOf(template.prompt_tokens, random)));
  const output_tokens = Math.max(1, Math.round(amountOf(template.output_tokens, random)));
  return { prompt: promptText(name, prompt_tokens, random), prompt_tokens, output_tokens };
}

function pickTemplate(templates: readonly Template[], random: Random): Template {
  const total = templates.reduce((sum, { weight }) => sum + weight, 0);
  let left = random.next() * total;
  for (const template of templates) {
    left -= template.weight;
    if (left < 0) return template;
  }
  return templates.at(-1) as Template;
}

/** One of the amount's values. A log-normal one is at most twice its 95th percentile, so that no draw is absurd. */
export function amountOf(amount: Amount, random: Pick<Random, "next">): number {
  if (typeof amount === "number") return amount;
  if ("min" in amount) return amount.min + random.next() * (amount.max - amount.min);
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const sigma = Math.log(amount.p95 / amount.median) / Z95;
  return Math.min(2 * amount.p95, amount.median * Math.exp(sigma * normal));
}
